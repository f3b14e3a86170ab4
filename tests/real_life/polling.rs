//! A provider that answers 202 and is done later: the operation is submitted once and asked about, and
//! holds no slot meanwhile.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use orch::prelude::*;
use orch::{Orchestrator, Phase, Resolution, Submitted};
use orch_testkit::{ProviderBooks, crash_matrix};

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "VIDEO-{video}")]
struct Render {
    #[command(idem_key)]
    video: u64,
}

#[derive(Debug, thiserror::Error, Outcome)]
enum RenderError {
    /// No failure: the farm has the video, and says later what has become of it.
    #[outcome(submitted, after = 0)]
    #[error("submitted, and not done yet")]
    UnderWay(Duration),
    /// What the farm says about the key, so about every earlier call as well.
    #[outcome(fail, code = "NOT_RENDERED", clears_doubt)]
    #[error("the farm cannot render it")]
    Broken,
}

/// Between two looks at a job.
const SOON: Duration = Duration::from_secs(1);

#[orchestrated(
    domain = "VIDEO",
    event = "RENDER",
    time_budget = "3h",
    reconcile = look_up
)]
async fn render(cmd: Render, ctx: Context, farm: State<Farm>) -> Result<String, RenderError> {
    match farm.submit(cmd.video, ctx.provider_key().as_str()) {
        Job::UnderWay => Err(RenderError::UnderWay(SOON)),
        Job::Broken => Err(RenderError::Broken),
        Job::Done(file) => Ok(file),
    }
}

async fn look_up(_cmd: Render, ctx: Context, farm: State<Farm>) -> Reconciled<String> {
    match farm.job(ctx.provider_key().as_str()) {
        Some(Job::Done(file)) => Reconciled::Happened(file),
        Some(Job::UnderWay) => Reconciled::Submitted(Submitted::without_reference().after(SOON)),
        Some(Job::Broken) => Reconciled::Refused {
            code: "NOT_RENDERED".to_owned(),
            message: "the farm cannot render it".to_owned(),
        },
        // The answer was lost, and the farm knows nothing: the handler runs again, with the same key.
        None => Reconciled::NotHappened,
    }
}

#[derive(Clone)]
enum Job {
    UnderWay,
    Broken,
    Done(String),
}

/// A render farm that honours keys. A video whose number is odd cannot be rendered.
#[derive(Clone, Default)]
struct Farm {
    jobs: Arc<Mutex<HashMap<String, (u64, Job)>>>,
    looks: Arc<Mutex<u32>>,
    submitted: Arc<Mutex<Vec<String>>>,
    /// Each video is through soon after the first look.
    quick: bool,
}

impl Farm {
    fn submit(&self, video: u64, key: &str) -> Job {
        self.submitted.lock().unwrap().push(key.to_owned());
        let mut jobs = self.jobs.lock().unwrap();
        jobs.entry(key.to_owned()).or_insert((video, Job::UnderWay)).1.clone()
    }

    fn job(&self, key: &str) -> Option<Job> {
        *self.looks.lock().unwrap() += 1;
        let job = self.jobs.lock().unwrap().get(key).map(|(_, job)| job.clone());
        if self.quick {
            self.work();
        }
        job
    }

    /// All videos that were submitted are through.
    fn work(&self) {
        for (video, job) in self.jobs.lock().unwrap().values_mut() {
            *job = if *video % 2 == 1 { Job::Broken } else { Job::Done(format!("{video}.mp4")) };
        }
    }
}

impl ProviderBooks for Farm {
    fn keys(&self) -> Vec<String> {
        self.submitted.lock().unwrap().clone()
    }

    fn effects(&self) -> usize {
        self.jobs.lock().unwrap().len()
    }
}

#[tokio::test]
async fn whatever_crashes_a_video_is_rendered_once() {
    crash_matrix(render, Render { video: 2 })
        .against(|| Farm { quick: true, ..Farm::default() })
        .state(|farm| Farm::clone(farm))
        .run()
        .await
        .assert_safe();
}

async fn start(farm: &Farm) -> (Runtime, Orchestrator) {
    let runtime = Runtime::connect("memory:")
        .only([("VIDEO", "RENDER"), ("VIDEO", "UNANSWERED")])
        .config(Config::default().concurrency(1))
        .state(farm.clone())
        .start()
        .await
        .unwrap();
    let desk = runtime.orchestrator().clone();
    (runtime, desk)
}

async fn until(what: impl Fn() -> bool) {
    let wait = async {
        while !what() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait).await.unwrap();
}

#[tokio::test]
async fn twenty_videos_are_under_way_with_one_slot() {
    let farm = Farm::default();
    let (_runtime, desk) = start(&farm).await;
    let mut videos = Vec::new();
    for video in 0..20 {
        videos.push(desk.accept(Render { video }).await.unwrap());
    }
    // All are there although none is done, and each was asked about.
    until(|| farm.jobs.lock().unwrap().len() == 20 && *farm.looks.lock().unwrap() >= 20).await;
    farm.work();
    for (video, accepted) in videos.iter().enumerate() {
        let waited = desk.wait(accepted, Duration::from_secs(60)).await.unwrap();
        let operation = desk.get(accepted.op_id).await.unwrap().unwrap();
        match waited {
            Waited::Ok(file) => {
                assert_eq!(file, format!("{video}.mp4"));
                assert_eq!((operation.attempt, operation.lost_attempts), (1, 1));
            }
            Waited::Failed(failure) => {
                assert_eq!((failure.code.as_str(), failure.uncertain), ("NOT_RENDERED", false));
                assert_eq!((video % 2, operation.attempt), (1, 1));
            }
            Waited::Pending(operation) => panic!("{operation:?}"),
        }
    }
    assert_eq!(farm.jobs.lock().unwrap().len(), 20, "no video was submitted twice");
}

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "VIDEO-{video}")]
struct Unanswered {
    #[command(idem_key)]
    video: u64,
}

#[orchestrated(
    domain = "VIDEO",
    event = "UNANSWERED",
    time_budget = "100ms",
    attempt_timeout = "50ms",
    reconcile = look_up_unanswered,
    reconcile_timeout = "50ms",
    reconcile_backoff(base = "50ms", cap = "50ms"),
    max_reconciles = 4
)]
async fn unanswered(cmd: Unanswered, ctx: Context, farm: State<Farm>) -> Result<(), RenderError> {
    farm.submit(cmd.video, ctx.provider_key().as_str());
    Err(RenderError::UnderWay(SOON))
}

async fn look_up_unanswered(_cmd: Unanswered) -> Reconciled<()> {
    Reconciled::Unanswered
}

#[tokio::test]
async fn what_is_never_done_is_parked_and_not_failed_though_its_budget_is_spent() {
    let farm = Farm::default();
    let (_runtime, desk) = start(&farm).await;
    let accepted = desk.accept(Unanswered { video: 1 }).await.unwrap();
    let parked = async {
        loop {
            let operation = desk.get(accepted.op_id).await.unwrap().unwrap();
            if operation.phase == Some(Phase::Parked) {
                break operation;
            }
            tokio::task::yield_now().await;
        }
    };
    let parked = tokio::time::timeout(Duration::from_secs(20), parked).await.unwrap();
    assert_eq!((parked.attempt, parked.lost_attempts, parked.retries), (1, 1, 0));
    let reconciled = desk.history(accepted.op_id).await.unwrap().len() - 1;
    assert_eq!(reconciled, 4, "from the deadline on as often as declared");
    desk.resolve(accepted.op_id, Resolution::ok(&()).unwrap(), "kim", "seen there").await.unwrap();
    assert_eq!(desk.wait(&accepted, Duration::ZERO).await.unwrap(), Waited::Ok(()));
}
