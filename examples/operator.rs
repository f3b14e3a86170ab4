//! An operator's tool: what waits for a decision, what is known of it, and the decision itself. It
//! works on any database of orch; no handler is needed, and none runs here.
//!
//! ```sh
//! cargo run --example operator -- --db sqlite://payments.db parked
//! ```

use clap::{Args, Parser, Subcommand, ValueEnum};
use orch::{
    AnyProvider, Confirmation, OpId, Operation, Orchestrator, Owner, Resolution, Runtime, Status,
};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Looks at operations, and decides about those that are parked.
#[derive(Parser)]
struct Arguments {
    /// The database, as the workers name it.
    #[arg(long)]
    db: String,
    /// Whose operations; those of the empty owner unless given.
    #[arg(long, default_value = "")]
    owner: String,
    #[command(subcommand)]
    ask: Ask,
}

#[derive(Subcommand)]
enum Ask {
    /// Operations that wait for a person.
    Parked,
    /// One operation, its keys at the provider, and its history.
    Show { op_id: OpId },
    /// Decides about a parked operation.
    Resolve {
        op_id: OpId,
        decision: Decision,
        /// Who decides; goes into the history.
        #[arg(long)]
        who: String,
        /// What you have seen at the provider; goes into the history.
        #[arg(long)]
        why: String,
        /// For `ok`: the handler's result, as JSON.
        #[arg(long, required_if_eq("decision", "ok"), value_parser = json)]
        output: Option<serde_json::Value>,
        /// For `fail`: a code for programs.
        #[arg(long, default_value = "RESOLVED_BY_HAND")]
        code: String,
        /// Takes the output as it is: no handler is linked in here that could check it. The history
        /// says so.
        #[arg(long)]
        force: bool,
    },
    /// Finished operations with an answer that contradicts their outcome.
    Divergent,
    /// Before a deploy: the unfinished operations, of all owners, that this program could not carry
    /// on. Fails if there are any. Nothing is changed, and the schema is not migrated.
    Check,
    /// Which incarnation the database has. With an option, says what has happened to it.
    Incarnation {
        #[command(flatten)]
        happened: Happened,
        /// Who says so; is kept with it.
        #[arg(long, requires = "happened")]
        who: Option<String>,
        /// Why; is kept with it.
        #[arg(long, requires = "happened")]
        why: Option<String>,
    },
}

#[derive(Args)]
#[group(id = "happened", multiple = false, requires_all = ["who", "why"])]
struct Happened {
    /// It was moved, or failed over without a loss: everything goes on.
    #[arg(long)]
    moved: bool,
    /// It was failed over and may lack the latest commits.
    #[arg(long)]
    failed_over: bool,
    /// It was restored from a back-up.
    #[arg(long)]
    restored: bool,
    /// It is a copy of a database that goes on elsewhere.
    #[arg(long)]
    copied: bool,
}

impl Happened {
    fn confirmation(&self) -> Option<Confirmation> {
        [
            (self.moved, Confirmation::Moved),
            (self.failed_over, Confirmation::FailedOver),
            (self.restored, Confirmation::Restored),
            (self.copied, Confirmation::Copied),
        ]
        .into_iter()
        .find_map(|(given, confirmation)| given.then_some(confirmation))
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum Decision {
    /// The provider did it.
    Ok,
    /// It did not, and shall not.
    Fail,
    /// It did not: call it again. With no attempts left, a retry fails it.
    RunAgain,
    /// Its outcome is logged, and its finalize hook has failed: run the hook again.
    RunHook,
    /// The same: end it without the hook.
    SkipHook,
}

/// Named, since a `Value` is also what becomes of any text as it stands.
fn json(text: &str) -> serde_json::Result<serde_json::Value> {
    serde_json::from_str(text)
}

#[tokio::main]
async fn main() -> Result<()> {
    let Arguments { db, owner, ask } = Arguments::parse();
    if matches!(ask, Ask::Check) {
        return check(&db).await;
    }
    let runtime = Runtime::connect(&db).without_worker().start().await?;
    let desk = runtime.orchestrator().owned_by(Owner::new(owner)?);
    match ask {
        Ask::Parked => parked(&desk).await?,
        Ask::Show { op_id } => show(&desk, op_id).await?,
        Ask::Resolve { op_id, decision, who, why, output, code, force } => {
            let resolution = match decision {
                Decision::Ok => Resolution::ok(&output)?,
                Decision::Fail => Resolution::fail(&code, &why),
                Decision::RunAgain => Resolution::RunAgain,
                Decision::RunHook => Resolution::RunHook,
                Decision::SkipHook => Resolution::SkipHook,
            };
            match force {
                true => desk.resolve_unchecked(op_id, resolution, &who, &why).await?,
                false => desk.resolve(op_id, resolution, &who, &why).await?,
            }
            show(&desk, op_id).await?;
        }
        Ask::Divergent => divergent(&desk).await?,
        Ask::Check => {}
        Ask::Incarnation { happened, who, why } => {
            let seen = desk.incarnation().await?;
            if let (Some(happened), Some(who), Some(why)) = (happened.confirmation(), who, why) {
                desk.confirm(&seen, happened, &who, &why).await?;
            }
            println!("{}", desk.incarnation().await?);
        }
    }
    let _ = runtime.shutdown().await;
    Ok(())
}

/// With the handlers that are linked in. Here there are none: name those of your release in this file,
/// as in `use handlers as _;`.
async fn check(db: &str) -> Result<()> {
    let checked = Runtime::connect(db).check().await?;
    for kind in &checked.kinds {
        println!("{kind}");
    }
    for unhandled in &checked.unhandled {
        println!("  {unhandled}");
    }
    if checked.is_clear() {
        Ok(())
    } else {
        Err("operations under way need what this program does not have".into())
    }
}

async fn parked(desk: &Orchestrator) -> Result<()> {
    let mut after = None;
    loop {
        let page = desk.parked(after).await?;
        for parked in page.items {
            println!("{parked}");
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

async fn show(desk: &Orchestrator, op_id: OpId) -> Result<()> {
    let Some(operation) = desk.get(op_id).await? else {
        return Err(format!("there is no operation {op_id} of this owner").into());
    };
    print(&operation);
    // The text is the same under every contract whose keys may be UUIDs. If your handler names
    // another `provider`, name it here.
    for key in desk.provider_keys::<AnyProvider>(op_id).await? {
        println!("  provider key {key}");
    }
    for entry in desk.history(op_id).await? {
        println!("  {entry}");
    }
    Ok(())
}

async fn divergent(desk: &Orchestrator) -> Result<()> {
    let mut after = None;
    loop {
        let page = desk.divergent(after).await?;
        for divergent in page.items {
            show(desk, divergent.op_id).await?;
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

fn print(operation: &Operation) {
    let Operation { op_id, identity, status, phase, attempt, .. } = operation;
    let phase = match (status, phase) {
        (Status::InProgress, Some(phase)) => format!(", {phase}"),
        _ => String::new(),
    };
    println!(
        "{op_id} {} {}: {status}{phase}, attempts: {attempt}",
        identity.kind(),
        identity.biz_key
    );
    if let Some(reason) = &operation.reason {
        println!("  reason: {reason}");
    }
}
