//! The logins of one look at all connections: each is tried once, however many connections it would serve.

use std::sync::Arc;

use watchpost::actors::transport::{Budget, RestClient, TlsSettings, WebSocketClient};

use super::vendors::Findings;

/// Memory for large messages of a WebSocket; answers to a first subscription are small.
const BUDGET: usize = 4 << 20;

/// With what somebody logs in, and where.
pub(super) trait Terms {
    /// Whether the outcome of a login with these is that of a login with the `wanted` ones too; it may have been `refused`.
    fn serve(&self, wanted: &Self, refused: bool) -> bool;
}

/// The key of an account, and how its server's certificate is judged.
impl Terms for (String, TlsSettings) {
    fn serve(&self, wanted: &Self, _: bool) -> bool {
        self == wanted
    }
}

/// The logins that were tried, with what each has yielded.
pub(super) struct Logins<T, A>(Vec<Tried<T, A>>);

struct Tried<T, A> {
    terms: T,
    /// What it has yielded, and who that is; or why it was refused.
    outcome: Result<(A, String), String>,
}

impl<T, A> Default for Logins<T, A> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Terms, A> Logins<T, A> {
    /// What a login has yielded that serves for these terms: an earlier one, or else `log_in`, which is not begun before. Who it
    /// is, or why there is none, is told.
    ///
    /// A refused login is not tried again for the next connection: each try may count towards a lock-out.
    pub(super) async fn admit(
        &mut self,
        terms: T,
        log_in: impl Future<Output = Result<(A, String), String>>,
        findings: &mut Findings,
    ) -> Option<&mut A> {
        let known = self.0.iter().position(|tried| tried.terms.serve(&terms, tried.outcome.is_err()));
        let index = match known {
            Some(index) => index,
            None => {
                let outcome = log_in.await;
                self.0.push(Tried { terms, outcome });
                self.0.len() - 1
            }
        };
        match &mut self.0.get_mut(index)?.outcome {
            Ok((admission, who)) => {
                findings.tell("login", who.clone());
                Some(admission)
            }
            Err(why) => {
                findings.fail(why.clone());
                None
            }
        }
    }
}

impl<T, A> Logins<T, A> {
    /// What the logins that went well have yielded.
    pub(super) fn into_admissions(self) -> impl Iterator<Item = A> {
        self.0.into_iter().filter_map(|tried| Some(tried.outcome.ok()?.0))
    }
}

/// What calls a system and opens its WebSocket, as its connection's settings judge certificates.
///
/// # Errors
/// For people: the settings name a certificate that cannot be used.
pub(super) fn clients(tls: &TlsSettings) -> Result<(RestClient, WebSocketClient), String> {
    let tls = tls.client_config().map_err(|error| error.to_string())?;
    Ok((RestClient::new(&tls), WebSocketClient::new(&tls, Arc::new(Budget::new(BUDGET)), Arc::default())))
}
