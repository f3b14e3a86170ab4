//! A case that the macro does not list would never run.
#![allow(missing_docs, clippy::unwrap_used)]

use std::path::Path;

#[test]
fn every_case_is_listed_under_its_topic() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let list = std::fs::read_to_string(source.join("conformance.rs")).unwrap();
    let mut cases = 0;
    for file in std::fs::read_dir(source.join("suite")).unwrap() {
        let path = file.unwrap().path();
        let topic = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let source = std::fs::read_to_string(&path).unwrap();
        for line in source.lines().filter_map(|line| line.strip_prefix("pub async fn ")) {
            let case = line.split('(').next().unwrap();
            let (_, listed) = list.split_once(&format!("            {topic} {{\n")).unwrap();
            let (listed, _) = listed.split_once('}').unwrap();
            assert!(listed.split_whitespace().any(|name| name == case), "{topic}::{case}");
            cases += 1;
        }
    }
    assert!(cases >= 80, "{cases} cases");
}
