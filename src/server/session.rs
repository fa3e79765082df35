//! Sessions: what a connected client may do, and whose ids it may use.

use crate::op::{Op, OpKind};
use crate::{Actor, Server};

/// What a session may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Access {
    /// Read and write.
    #[default]
    ReadWrite,
    /// Read only; its ops are rejected.
    ReadOnly,
}

/// How a session is told the document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Protocol {
    /// In chunks of compact nodes.
    #[default]
    V8,
    /// In one message of serialised nodes.
    V7,
}

/// How a session is opened.
#[derive(Clone, Debug, Default)]
pub struct SessionOptions {
    access: Access,
    protocol: Protocol,
    identity: Option<String>,
    take_back_rejected: Option<bool>,
}

impl SessionOptions {
    /// What the session may do.
    #[must_use]
    pub fn access(self, access: Access) -> Self {
        Self { access, ..self }
    }

    /// How the session is told the document.
    #[must_use]
    pub fn protocol(self, protocol: Protocol) -> Self {
        Self { protocol, ..self }
    }

    /// Who the client is, if the host knows: a user, or one app of a user's. A client that comes back before its old
    /// connection is known to be dead may then send its old ops again; without this they are rejected, if
    /// [ids are checked](super::ServerOptions::check_ids). All with one identity may use each other's ids.
    #[must_use]
    pub fn identity(self, identity: impl Into<String>) -> Self {
        Self { identity: Some(identity.into()), ..self }
    }

    /// Whether ops that are rejected are taken back for the session, whatever the
    /// [server's option](super::ServerOptions::take_back_rejected) says.
    #[must_use]
    pub fn take_back_rejected(self, take_back: bool) -> Self {
        Self { take_back_rejected: Some(take_back), ..self }
    }
}

/// What is known of an open session.
#[derive(Debug)]
pub(super) struct Seat {
    options: SessionOptions,
    /// One more than the highest clock of a node that was created under the session's actor.
    nodes: u32,
}

impl Seat {
    pub(super) fn new(options: SessionOptions) -> Self {
        Self { options, nodes: 0 }
    }

    pub(super) fn access(&self) -> Access {
        self.options.access
    }

    pub(super) fn protocol(&self) -> Protocol {
        self.options.protocol
    }

    pub(super) fn take_back_rejected(&self) -> Option<bool> {
        self.options.take_back_rejected
    }

    fn is_same_client(&self, other: &Self) -> bool {
        self.options.identity.is_some() && self.options.identity == other.options.identity
    }
}

impl Server {
    /// Notes the id of a node that was created. Whoever sent it: a client that is back sends again
    /// what it made under the actor of its old session, which may still count as open.
    pub(super) fn note_id(&mut self, op: &Op) {
        if let (OpKind::Create(_), Some((actor, clock))) = (&op.kind, op.id.actor_and_clock()) {
            if let Some(session) = self.sessions.get_mut(&actor) {
                session.nodes = session.nodes.max(clock.saturating_add(1));
            }
        }
    }

    /// Whether the ids of an op are the sender's to use.
    ///
    /// Op ids are its own, or those of a session that has ended: clients send again, under a new
    /// actor, what was not acknowledged. Node ids may belong to anybody, since undo re-creates what
    /// others made; but nobody may use up an id that another client has yet to mint.
    pub(super) fn check_ids(&self, from: Actor, op: &Op) -> Result<(), String> {
        if !self.options.check_ids {
            return Ok(());
        }
        let Some((actor, _)) = op.op_id.as_ref().and_then(crate::OpId::actor_and_clock) else {
            return Err("an op id must be <actor>:<clock>".to_owned());
        };
        self.check_issued(actor)?;
        if self.rival(from, actor).is_some() {
            return Err(format!("the op id belongs to actor {actor}, who is connected"));
        }
        if matches!(op.kind, OpKind::Create(_)) && op.id == Op::acknowledged_id() {
            return Err(format!("no node can be called {}", op.id));
        }
        if let (OpKind::Create(_), Some((actor, clock))) = (&op.kind, op.id.actor_and_clock()) {
            self.check_issued(actor)?;
            if self.rival(from, actor).is_some_and(|rival| clock >= rival.nodes) {
                return Err(format!("the node id {} is for actor {actor} to mint", op.id));
            }
        }
        Ok(())
    }

    fn check_issued(&self, actor: Actor) -> Result<(), String> {
        if actor >= self.next_actor() {
            return Err(format!("actor {actor} was never given out"));
        }
        Ok(())
    }

    /// The open session of `actor`, if that is not the client `from`.
    fn rival(&self, from: Actor, actor: Actor) -> Option<&Seat> {
        if from == actor {
            return None;
        }
        let (own, other) = (self.sessions.get(&from)?, self.sessions.get(&actor)?);
        (!own.is_same_client(other)).then_some(other)
    }
}
