use orch_core::handler::HandledCommand;
use orch_core::words::{BizKey, Command, IdemKey, Invalid, Kind, OpId, Payload};

/// A command as a client sends it, and sends it again.
#[derive(Debug)]
pub(super) struct Request {
    kind: Kind,
    biz_key: BizKey,
    /// `None` for a command without its own key: each cell gets another.
    idem_key: Option<IdemKey>,
    payload: Payload,
}

impl Request {
    pub(super) fn of<C: HandledCommand>(command: &C) -> Result<Self, Invalid> {
        Ok(Self {
            kind: Kind::new(C::DOMAIN, C::EVENT)?,
            biz_key: BizKey::new(command.biz_key())?,
            idem_key: command.idem_key().map(IdemKey::new).transpose()?,
            payload: command.to_stored()?,
        })
    }

    /// The request of one cell.
    pub(super) fn command(&self) -> Command {
        let Self { kind, biz_key, idem_key, payload } = self;
        let idem_key = idem_key.clone().unwrap_or_else(|| {
            let key = format!("crash-matrix-{}", OpId::generate());
            IdemKey::new(key).expect("it has 49 characters")
        });
        Command::of(kind.clone(), biz_key.clone(), idem_key, payload.clone())
    }
}
