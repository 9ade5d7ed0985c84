//! Asks for events again and again.

use bytestring::ByteString;

use super::config::VxgConfig;
use super::directory::Catalog;
use super::grant::Grant;
use crate::journal::Checkpoint;
use crate::settings::CommonSettings;
use crate::vendors::{Action, Input, Now, Resume, Session, SessionEnd, Todo};

/// One try at one connection to VXG.
#[derive(Debug)]
pub struct VxgSession;

impl VxgSession {
    /// A session that has not begun.
    #[must_use]
    pub fn new(_: VxgConfig, _: &CommonSettings, _: Resume) -> Self {
        Self
    }
}

impl Session for VxgSession {
    type Grant = Grant;
    type Catalog = Catalog;
    type Decoded = ();

    fn decode(_: ByteString) {}

    fn step(&mut self, _: Now, _: Input<Self>, todo: &mut Todo) {
        todo.act(Action::End(SessionEnd::Halt("not there yet".to_owned())));
    }

    fn is_caught_up(&self) -> bool {
        false
    }

    fn checkpoint(&self) -> Option<Checkpoint> {
        None
    }
}
