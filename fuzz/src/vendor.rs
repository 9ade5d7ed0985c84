//! A vendor's login, directory and session, and the world that moves them as the engine does: what is asked for comes, or something else does.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use watchpost::actors::ConnectionConfig;
use watchpost::actors::journal::Checkpoint;
use watchpost::actors::settings::CommonSettings;
use watchpost::actors::transport::{Fault, OpenError, RestAnswer, RestError};
use watchpost::actors::vendors::{
    Action, CallId, Directory, Input, Login, LoginError, LoginStep, NameKey, Now, Resume, Session, Todo, Vendor,
    VendorSettings, een::Een, milestone::Milestone, simplisafe::SimpliSafe, vxg::Vxg,
};
use watchpost::config::{Surroundings, parse};

use super::script::{Line, Whose, lines};

/// The largest input that is worth its time, in bytes: a conversation of some hundred lines.
const LARGEST: usize = 256 << 10;
/// Calls that wait for an answer; of those above it none is kept.
const WAITING: usize = 1_000;
/// What one line may set off before it counts as a circle that never ends.
const CIRCLE: usize = 10_000;

/// Milestone's protocol.
pub fn milestone(data: &[u8]) -> Reached {
    let text = "vendor = 'milestone'\nurl = 'http://vms.example.com'\nusername = 'watchpost'\npassword = { env = 'P' }\n\
        subscribe = [{ modifier = 'include', resource_types = ['*'], sources = ['*'], events = ['*'] }]";
    let ConnectionConfig { common, vendor: VendorSettings::Milestone(config), .. } = connection(text) else {
        return Reached::default();
    };
    World::<Milestone>::play(config, common, data)
}

/// Eagle Eye's.
pub fn een(data: &[u8]) -> Reached {
    let text = "vendor = 'een'\nusername = 'ops@example.com'\npassword = { env = 'P' }";
    let ConnectionConfig { common, vendor: VendorSettings::Een(config), .. } = connection(text) else {
        return Reached::default();
    };
    World::<Een>::play(*config, common, data)
}

/// SimpliSafe's.
pub fn simplisafe(data: &[u8]) -> Reached {
    let text = "vendor = 'simplisafe'\nrefresh_token = { env = 'P' }\nbackfill_on_first_start = '1d'";
    let ConnectionConfig { common, vendor: VendorSettings::SimpliSafe(config), .. } = connection(text) else {
        return Reached::default();
    };
    World::<SimpliSafe>::play(*config, common, data)
}

/// VXG's.
pub fn vxg(data: &[u8]) -> Reached {
    let text = "vendor = 'vxg'\nurl = 'http://web.example.com'\ntoken = { env = 'P' }";
    let ConnectionConfig { common, vendor: VendorSettings::Vxg(config), .. } = connection(text) else {
        return Reached::default();
    };
    World::<Vxg>::play(*config, common, data)
}

/// The settings of one connection, as a person would write them.
fn connection(text: &str) -> ConnectionConfig {
    let text = format!("[[connection]]\nname = 'hq'\n{text}\n[[sink]]\nname = 'f'\nkind = 'file'\npath = 'f.jsonl'\n");
    // Good for any vendor: VXG's tokens alone have a form, base64 of JSON.
    let secret = "eyJhY2Nlc3MiOiJhbGwiLCJhcGkiOiIxMjcuMC4wLjEiLCJjYW0iOiIxMjcuMC4wLjEiLCJjbW5ncmlkIjoyNDg5NjQsInBhdGgiOiIiLCJ0b2tlbiI6InNoYXJlLmV5SnphU0k2T0RJeU5EWTFmUT09LjZiMDU4NmE3dDEyY2MwMzAwLmJlZWI4ZGExIn0=";
    match parse(&text, "fuzz.toml", &Surroundings::new("/nowhere", |_| Some(secret.into()))) {
        Ok(config) => config.connections.into_iter().next().expect("one connection"),
        Err(errors) => panic!("the settings of the target itself are wrong:\n{errors}"),
    }
}

/// How far a conversation came: a corpus that stops at the login tries nothing behind it.
#[derive(Debug, Default, Clone, Copy)]
pub struct Reached {
    /// The login was granted so many times.
    pub granted: usize,
    /// So many tries were online.
    pub online: usize,
    /// So many entries were handed over for the journal.
    pub entries: usize,
}

type DirectoryOf<V> = <V as Vendor>::Directory;
type AskOf<V> = <DirectoryOf<V> as Directory>::Ask;

/// Who waits for an answer.
enum Waiting<V: Vendor> {
    Login,
    Session(CallId),
    Directory(AskOf<V>),
}

struct World<V: Vendor> {
    config: V::Config,
    common: CommonSettings,
    login: V::Login,
    grant: Option<Arc<V::Grant>>,
    logging_in: bool,
    directory: V::Directory,
    preparing: bool,
    session: V::Session,
    /// The channel is open, or has been asked for.
    open: bool,
    opening: bool,
    barrier: bool,
    /// The try has ended; another begins with what comes next.
    over: bool,
    waiting: VecDeque<Waiting<V>>,
    headers: Vec<(String, String)>,
    checkpoint: Option<Checkpoint>,
    wake: Option<Instant>,
    now: Now,
    todo: Todo,
    reached: Reached,
}

impl<V: Vendor> World<V> {
    fn play(config: V::Config, common: CommonSettings, data: &[u8]) -> Reached {
        if data.len() > LARGEST {
            return Reached::default();
        }
        let wall = Timestamp::UNIX_EPOCH + Duration::from_secs(1_795_524_411);
        let mut world = Self {
            login: V::login(&config, &common),
            directory: V::directory(&config, &common),
            session: V::session(&config, &common, Resume::default()),
            config,
            common,
            grant: None,
            logging_in: false,
            preparing: false,
            open: false,
            opening: false,
            barrier: false,
            over: false,
            waiting: VecDeque::new(),
            headers: Vec::new(),
            checkpoint: None,
            wake: None,
            now: Now { instant: Instant::now(), wall },
            todo: Todo::default(),
            reached: Reached::default(),
        };
        world.tell(Input::Start);
        for line in lines(data) {
            world.pass(Duration::from_millis(1));
            world.step(line);
        }
        // What was remembered is good for another start.
        world.begin(None);
        world.reached
    }

    fn step(&mut self, line: Line<'_>) {
        if self.over {
            self.begin(None);
        }
        match line {
            Line::Message(text) if self.open => self.tell(Input::Message(text.into())),
            Line::Giant(text) if self.open => {
                let decoded = V::Session::decode(text.into());
                self.tell(Input::Decoded(decoded));
            }
            Line::Unreadable if self.open => {
                self.open = false;
                self.tell(Input::Unreadable("not UTF-8".to_owned()));
                self.dropped();
            }
            Line::Ends if self.open => {
                self.open = false;
                self.dropped();
            }
            Line::Opens if self.opening => {
                (self.opening, self.open) = (false, true);
                self.tell(Input::Opened);
            }
            Line::Refused(status, body) if self.opening => {
                self.opening = false;
                self.tell(Input::Refused(refused(status, body)));
            }
            Line::Barrier if self.barrier => {
                self.barrier = false;
                self.tell(Input::BarrierPassed);
            }
            Line::Wakes => {
                if let Some(wake) = self.wake.take() {
                    self.pass(wake.saturating_duration_since(self.now.instant));
                    self.tell(Input::Woken);
                }
            }
            Line::Passes(millis) => self.pass(Duration::from_millis(millis.min(1 << 40))),
            Line::Kept => {
                self.session.kept(self.now, &mut self.todo);
                self.act();
            }
            Line::Header(name, value) => self.headers.push((name.to_owned(), value.to_owned())),
            Line::Answer { whose, status, body } => {
                let headers = mem::take(&mut self.headers);
                let body = bytes::Bytes::copy_from_slice(body.as_bytes());
                self.answer(whose, Ok(RestAnswer { status, headers, body, retry_after: None }));
            }
            Line::Fails(how) => self.answer(Whose::Oldest, Err(failure(how))),
            Line::Restarts => self.begin(None),
            Line::Checkpoint(text) => self.begin(Some(Checkpoint(text.into()))),
            Line::Item(item) => self.want(&[NameKey::Item(item.into())]),
            Line::Kind(kind, group) => self.want(&[NameKey::Kind { kind: kind.into(), group: group.into() }]),
            Line::Links(data) => {
                let Some(media) = V::media(&self.config) else { return };
                for (_, link) in media.links(data) {
                    let Ok(url) = media.address(&link, Some(640)) else { continue };
                    if let Some(grant) = &self.grant {
                        let _ = media.call(grant, &url);
                    }
                }
            }
            // Nobody listens.
            _ => {}
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now.instant += time;
        if let Ok(wall) = self.now.wall.checked_add(time) {
            self.now.wall = wall;
        }
    }

    /// A try ends, and another begins as the engine would begin it.
    fn begin(&mut self, other: Option<Checkpoint>) {
        (self.open, self.opening, self.barrier, self.wake) = (false, false, false, None);
        (self.preparing, self.over) = (false, false);
        self.waiting.retain(|waiting| !matches!(waiting, Waiting::Session(_)));
        self.todo = Todo::default();
        let checkpoint = other.or_else(|| self.checkpoint.clone());
        let resume = Resume { checkpoint, heard: Some(self.now.wall) };
        self.session = V::session(&self.config, &self.common, resume);
        self.tell(Input::Start);
    }

    fn dropped(&mut self) {
        let goes_on = self.session.dropped(self.now, &mut self.todo);
        self.act();
        if !goes_on {
            self.begin(None);
        }
    }

    fn tell(&mut self, input: Input<V::Session>) {
        self.session.step(self.now, input, &mut self.todo);
        self.act();
    }

    /// Does what is wanted, until nothing more is.
    fn act(&mut self) {
        for _ in 0..CIRCLE {
            if self.session.is_caught_up() || !self.todo.entries.is_empty() {
                self.checkpoint = self.session.checkpoint().or(self.checkpoint.take());
            }
            self.reached.entries += self.todo.entries.len();
            self.todo.entries = watchpost::actors::vendors::Entries::default();
            let actions = mem::take(&mut self.todo.actions);
            if actions.is_empty() {
                return;
            }
            let mut ended = false;
            for action in actions {
                if ended {
                    break;
                }
                ended = self.does(action);
            }
            if ended {
                // The engine waits before it tries again: until the next line.
                (self.todo, self.over) = (Todo::default(), true);
                return;
            }
        }
        panic!("what one line sets off never ends");
    }

    /// Whether the try is over.
    fn does(&mut self, action: Action) -> bool {
        match action {
            Action::Authorize { refused } => {
                if refused {
                    self.grant = None;
                }
                match &self.grant {
                    Some(grant) => {
                        let grant = Arc::clone(grant);
                        self.session.step(self.now, Input::Granted(grant), &mut self.todo);
                    }
                    None if self.logging_in => {}
                    None => {
                        self.logging_in = true;
                        self.login.recall(None);
                        let step = self.login.begin(self.now);
                        return self.logs_in(step);
                    }
                }
            }
            Action::Prepare { .. } => {
                self.preparing = true;
                let asks = self.directory.prepare();
                self.ask(asks);
                self.prepared();
            }
            Action::Open(_) => (self.opening, self.open) = (true, false),
            Action::Call(id, call) => {
                let _ = format!("{call:?}");
                self.wait(Waiting::Session(id));
            }
            Action::Wake(at) => self.wake = at,
            Action::Barrier => self.barrier = true,
            Action::Online => self.reached.online += 1,
            Action::Keep => {}
            Action::Warn(text) => assert!(text.len() < 4_096, "a warning of {} bytes: {text}", text.len()),
            Action::Forget(what) => {
                let asks = self.directory.forget(&what);
                self.ask(asks);
            }
            Action::End(end) => {
                assert!(end.to_string().len() < 16_384, "a reason of {} bytes", end.to_string().len());
                return true;
            }
            Action::Send(_) | Action::Patience(_) | Action::Wish(_) | Action::Children(_) => {}
        }
        false
    }

    fn logs_in(&mut self, mut step: LoginStep<V::Grant>) -> bool {
        for _ in 0..CIRCLE {
            match step {
                LoginStep::Call(call) => {
                    let _ = format!("{call:?}");
                    self.wait(Waiting::Login);
                    return false;
                }
                LoginStep::Keep(note) => {
                    self.login.recall(Some(note));
                    step = self.login.kept(self.now, Ok(()));
                }
                LoginStep::Granted { grant, .. } => {
                    self.logging_in = false;
                    self.reached.granted += 1;
                    let grant = Arc::new(grant);
                    self.grant = Some(Arc::clone(&grant));
                    self.session.step(self.now, Input::Granted(grant), &mut self.todo);
                    return false;
                }
                LoginStep::Failed(error) => {
                    self.logging_in = false;
                    told(&error);
                    return !self.session.unauthorized(self.now, &mut self.todo);
                }
            }
        }
        panic!("a login runs in a circle");
    }

    fn wait(&mut self, who: Waiting<V>) {
        if self.waiting.len() < WAITING {
            self.waiting.push_back(who);
        }
    }

    fn want(&mut self, keys: &[NameKey]) {
        let known = self.directory.known(self.now, keys);
        if known.is_empty() {
            let asks = self.directory.asks(self.now, keys);
            self.ask(asks);
        }
    }

    fn ask(&mut self, asks: Vec<AskOf<V>>) {
        for ask in asks {
            let asked = |waiting: &Waiting<V>| matches!(waiting, Waiting::Directory(other) if *other == ask);
            if !self.waiting.iter().any(asked) {
                if let Some(grant) = &self.grant {
                    let _ = self.directory.call(grant, &ask);
                }
                self.wait(Waiting::Directory(ask));
            }
        }
    }

    /// The session is told, once nothing is asked any more.
    fn prepared(&mut self) {
        if self.preparing && !self.waiting.iter().any(|waiting| matches!(waiting, Waiting::Directory(_))) {
            self.preparing = false;
            let catalog = self.directory.catalog();
            self.session.step(self.now, Input::Prepared(catalog), &mut self.todo);
        }
    }

    fn answer(&mut self, whose: Whose, answer: Result<RestAnswer, RestError>) {
        let is_name = |waiting: &Waiting<V>| matches!(waiting, Waiting::Directory(_));
        let place = match whose {
            Whose::Oldest => self.waiting.iter().position(|waiting| !is_name(waiting)),
            // Nobody asks for names before there is a grant.
            Whose::Names => self.grant.as_ref().and_then(|_| self.waiting.iter().position(is_name)),
            Whose::Youngest => self.waiting.len().checked_sub(1),
        };
        match place.and_then(|place| self.waiting.remove(place)) {
            None => return,
            Some(Waiting::Session(id)) => self.session.step(self.now, Input::Answer(id, answer), &mut self.todo),
            Some(Waiting::Login) => {
                let step = self.login.answer(self.now, answer);
                let _ = self.login.is_proven();
                if self.logs_in(step) {
                    self.begin(None);
                }
            }
            Some(Waiting::Directory(ask)) => {
                let _ = answer.as_ref().is_ok_and(|answer| self.directory.refuses_grant(answer));
                let taken = self.directory.learn(self.now, &ask, answer);
                self.ask(taken.next);
                let keys: Vec<_> = taken.learned.items.iter().map(|item| NameKey::Item((&*item.id).into())).collect();
                self.directory.known(self.now, &keys);
                self.prepared();
            }
        }
        self.act();
    }
}

fn told(error: &LoginError) {
    let words = error.to_string();
    assert!(!words.is_empty() && words.len() < 16_384, "a reason of {} bytes", words.len());
}

fn refused(status: u16, body: &str) -> OpenError {
    let (retry_after, www_authenticate) = (None, Some("Bearer".to_owned()));
    let at = "wss://vms.example.com".to_owned();
    OpenError::Refused { at, status, retry_after, www_authenticate, body: body.chars().take(4_096).collect() }
}

fn failure(how: u8) -> RestError {
    let at = "GET https://vms.example.com/".to_owned();
    let fault = match how {
        0 => Fault::Timeout(Duration::from_secs(20)),
        1 => Fault::Connect("refused".to_owned()),
        2 => Fault::Lost("reset".to_owned()),
        3 => Fault::Protocol("not HTTP".to_owned()),
        4 => return RestError::BodyTooLarge { at, limit: 1 << 20 },
        _ => Fault::Tls { detail: "expired".to_owned(), lasting: how.is_multiple_of(2) },
    };
    RestError::Failed { at, fault }
}
