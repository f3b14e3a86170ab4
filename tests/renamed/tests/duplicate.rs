//! Does not link: the library has a handler for this pair already. Built by `across_crates`.

use std::convert::Infallible;

use conductor::prelude::*;
use renamed as _;

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "{order_id}", crate = conductor)]
struct Second {
    order_id: u64,
}

#[orchestrated(domain = "RENAMED", event = "CHARGE", crate = conductor)]
async fn second(cmd: Second) -> Result<u64, Infallible> {
    Ok(cmd.order_id)
}

#[test]
fn never_linked() {
    panic!("two handlers for RENAMED/CHARGE were linked into one binary");
}
