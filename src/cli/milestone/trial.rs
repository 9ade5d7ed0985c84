//! One subscription, made as the engine makes it and given up at once: does the gateway take it?

use std::{collections::VecDeque, sync::Arc};

use tokio::time::{Instant, timeout_at};
use watchpost::actors::{
    settings::CommonSettings,
    transport::{Incoming, WebSocket},
    vendors::{
        Action, Input, Now, Resume, Session, Todo, Vendor,
        milestone::{Milestone, MilestoneConfig, directory::Catalog, session::MilestoneSession},
    },
};

use super::Admission;

/// The close code of somebody who is done.
const NORMAL: u16 = 1000;

/// Opens the channel, starts a session and subscribes with the configured filter.
///
/// # Errors
/// In words, who refused what.
pub(super) async fn subscribe(
    admission: &mut Admission,
    config: &MilestoneConfig,
    common: &CommonSettings,
    catalog: Option<Arc<Catalog>>,
) -> Result<(), String> {
    // The engine's own session, so that what is tried here is what will happen there.
    let session = Milestone::session(config, common, Resume::default());
    let mut trial = Trial { admission, config, common, catalog, session, socket: None, wake: None };
    let mut inputs = VecDeque::from([Input::Start]);
    loop {
        while let Some(input) = inputs.pop_front() {
            if trial.step(input, &mut inputs).await? {
                if let Some(socket) = trial.socket {
                    socket.shutdown(NORMAL).await;
                }
                return Ok(());
            }
        }
        trial.listen(&mut inputs).await?;
    }
}

/// A session, and what carries it.
struct Trial<'a> {
    admission: &'a mut Admission,
    config: &'a MilestoneConfig,
    common: &'a CommonSettings,
    catalog: Option<Arc<Catalog>>,
    session: MilestoneSession,
    socket: Option<WebSocket>,
    wake: Option<Instant>,
}

type Inputs = VecDeque<Input<MilestoneSession>>;

impl Trial<'_> {
    /// Tells the session something, and does what it wants. Whether the subscription is confirmed.
    async fn step(&mut self, input: Input<MilestoneSession>, inputs: &mut Inputs) -> Result<bool, String> {
        let mut todo = Todo::default();
        self.session.step(Now::read(), input, &mut todo);
        if self.session.is_caught_up() {
            return Ok(true);
        }
        for action in todo.actions {
            match action {
                Action::Authorize { refused } => {
                    if refused {
                        self.admission.renew(self.config, self.common).await?;
                    }
                    inputs.push_back(Input::Granted(Arc::new(self.admission.grant.clone())));
                }
                Action::Prepare { .. } => inputs.push_back(Input::Prepared(self.catalog.clone())),
                Action::Open(request) => {
                    inputs.push_back(match self.admission.sockets.open(&request).await {
                        Ok(socket) => {
                            self.socket = Some(socket);
                            Input::Opened
                        }
                        Err(error) => Input::Refused(error),
                    });
                }
                Action::Send(text) => {
                    if let Some(socket) = &mut self.socket {
                        socket.send(&text).map_err(|error| error.to_string())?;
                    }
                }
                Action::Wake(at) => self.wake = at.map(Instant::from_std),
                Action::End(end) => return Err(end.to_string()),
                // What follows a confirmed subscription, or concerns a channel that lives on.
                Action::Call(..)
                | Action::Barrier
                | Action::Patience(_)
                | Action::Online
                | Action::Forget(_)
                | Action::Children(_) => {}
            }
        }
        Ok(false)
    }

    /// Waits for messages, or for the moment that the session has asked for.
    async fn listen(&mut self, inputs: &mut Inputs) -> Result<(), String> {
        let Some(socket) = &mut self.socket else { return Err("the session could not be begun".to_owned()) };
        let until = self.wake.unwrap_or_else(|| Instant::now() + self.common.request_timeout);
        let mut came = Vec::new();
        match timeout_at(until, socket.wake(&mut came)).await {
            Err(_) => inputs.push_back(Input::Woken),
            Ok(outcome) => {
                inputs.extend(came.into_iter().filter_map(heard));
                // What came before the end may say why.
                if inputs.is_empty() {
                    outcome.map_err(|reason| format!("the WebSocket ended before the subscription: {reason}"))?;
                }
            }
        }
        Ok(())
    }
}

fn heard(message: Incoming) -> Option<Input<MilestoneSession>> {
    match message {
        Incoming::Text(text) | Incoming::LargeText(text, _) => Some(Input::Message(text)),
        Incoming::Binary(_) | Incoming::LargeBinary(..) | Incoming::Ping | Incoming::Pong(_) => None,
    }
}
