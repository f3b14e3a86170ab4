use super::scenario::Scenario;

/// What an operator says about a database that has gone back or was copied, after asking the
/// provider.
///
/// PLACEHOLDER: the engine does not notice yet that its database is another one, so there is
/// nothing to confirm. Once it holds work back until this is said, say it here: failed over,
/// restored, or a copy. Until then the scenarios with an `unsafe` kind fail, as they should.
#[expect(clippy::unused_async, reason = "it will ask the database at this URL")]
pub(crate) async fn confirm(_scenario: Scenario, _url: &str) -> crate::Result<()> {
    Ok(())
}
