//! Inside the crate imports point one way: each layer uses only those above it in `lib.rs`.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};

/// From the bottom of the house to its top.
const LAYERS: [&str; 11] = [
    "words", "policies", "machine", "provider", "store", "handler", "metrics", "memory", "flow",
    "upkeep", "runtime",
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// The layers that a source text names as `crate::layer`.
fn named(text: &str) -> impl Iterator<Item = usize> + '_ {
    text.split("crate::").skip(1).filter_map(|rest| {
        let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        LAYERS.iter().position(|layer| *layer == name)
    })
}

#[test]
fn imports_point_downwards() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut checked = 0;
    for (height, layer) in LAYERS.iter().enumerate() {
        for file in sources(&src.join(layer)) {
            let text = fs::read_to_string(&file).unwrap();
            for used in named(&text) {
                let place = file.display();
                assert!(used <= height, "{place}: {layer} uses crate::{}", LAYERS[used]);
                assert!(
                    !(LAYERS[used] == "memory" && *layer != "memory"),
                    "{place}: only the memory store itself names crate::memory"
                );
                checked += 1;
            }
        }
    }
    assert!(checked > 50, "the test reads the imports: {checked}");
}

#[test]
fn the_map_lists_the_layers_in_order() {
    let map = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    let listed: Vec<&str> = map
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.split_once(';'))
        .map(|(module, _)| module)
        .collect();
    assert_eq!(listed, LAYERS);
}

/// Every other place that changes a status would be a second opinion of what a fact means.
#[test]
fn only_the_machine_changes_a_status() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut callers = Vec::new();
    for product in ["orch-core", "orch-sqlite", "orch-postgres", "tools/orch-model"] {
        for file in sources(&workspace.join(product).join("src")) {
            let text = fs::read_to_string(&file).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap();
            if code.contains(".transition(") {
                callers.push(file.strip_prefix(workspace).unwrap().display().to_string());
            }
        }
    }
    assert_eq!(callers, ["orch-core/src/machine/change.rs"]);
}
