//! One table of what a person set, read key by key.

use std::path::PathBuf;

use super::{Mistake, Secret};

/// A plain value as it stands in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Value {
    /// A text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// `true` or `false`.
    Boolean(bool),
    /// Several values.
    List(Vec<Value>),
    /// Anything else, with its name for a message: `a table`.
    Other(&'static str),
}

impl Value {
    /// What this is, for a message: `a string`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Integer(_) => "an integer",
            Self::Boolean(_) => "a boolean",
            Self::List(_) => "an array",
            Self::Other(kind) => kind,
        }
    }
}

/// Where in a table something is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// The table as a whole.
    Table,
    /// A key's value; where the key is absent, the table.
    Key(&'static str),
    /// One value of a key's list, counted from 0.
    Item(&'static str, usize),
}

impl From<&'static str> for At {
    fn from(key: &'static str) -> Self {
        Self::Key(key)
    }
}

impl From<(&'static str, usize)> for At {
    fn from((key, index): (&'static str, usize)) -> Self {
        Self::Item(key, index)
    }
}

/// Whether a mistake stops the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// It must be put right.
    Error,
    /// It is worth knowing.
    Warning,
}

/// Reads one table of settings.
///
/// Each key that is asked for counts as known; what is left in the end is reported as unknown. Every reading method
/// gives `None` where the key is absent, and also where its value is wrong; the wrong value has then been reported,
/// and the settings as a whole are refused, so a default in its place does no harm.
///
/// Implement the few methods of the trait; readers use those on `dyn Fields`:
///
/// ```
/// use std::time::Duration;
/// use watchpost_actors::settings::{Fields, Secret};
///
/// struct Door { url: url::Url, password: Secret, poll_every: Duration }
///
/// fn read(fields: &mut dyn Fields) -> Option<Door> {
///     fields.require("url", "url = \"https://door.example.com\"");
///     fields.require("password", "password = { env = \"DOOR_PASSWORD\" }");
///     let url = fields.url("url", &["http", "https"]);
///     let password = fields.secret("password");
///     let poll_every = fields.duration("poll_every", Duration::from_millis(100)..=Duration::from_secs(3600));
///     Some(Door { url: url?, password: password?, poll_every: poll_every.unwrap_or(Duration::from_secs(5)) })
/// }
/// ```
pub trait Fields {
    /// Whether the key is there; it counts as known from now on.
    fn contains(&mut self, key: &'static str) -> bool;

    /// The key's value; it counts as known from now on.
    fn value(&mut self, key: &'static str) -> Option<Value>;

    /// A secret, fetched from where the settings say it is. A literal is refused.
    fn secret(&mut self, key: &'static str) -> Option<Secret>;

    /// The secrets in the table under the key, whose names a person is free to choose, each fetched like
    /// [`Fields::secret`]; in the order of the names.
    ///
    /// `check_name` and `check_value` say what is wrong with one, and it is reported there. `None` where the key is absent
    /// or anything under it is wrong.
    fn secrets(
        &mut self,
        key: &'static str,
        check_name: &mut dyn FnMut(&str) -> Result<(), Mistake>,
        check_value: &dyn Fn(&Secret) -> Result<(), Mistake>,
    ) -> Option<Vec<(String, Secret)>>;

    /// `path` as seen from the folder that relative paths start from.
    fn resolve(&self, path: &str) -> PathBuf;

    /// The path under the key, [resolved](Fields::resolve). Nothing need be there.
    fn path(&mut self, key: &'static str) -> Option<PathBuf>;

    /// A path like [`Fields::path`], of a file that is there and can be read.
    fn file(&mut self, key: &'static str) -> Option<PathBuf>;

    /// Hands the table under the key to `read`; reports a value that is no table.
    fn visit_table(&mut self, key: &'static str, read: &mut dyn FnMut(&mut dyn Fields));

    /// Hands each table of the list under the key to `read`; reports whatever is no table. Gives how many values the
    /// list has, tables or not; `None` where the key is absent or no list.
    fn visit_tables(&mut self, key: &'static str, read: &mut dyn FnMut(&mut dyn Fields)) -> Option<usize>;

    /// Says that what was not asked for cannot be judged, so nothing here is to be reported as unknown.
    fn accept_rest(&mut self);

    /// Notes a mistake at its place.
    fn report(&mut self, severity: Severity, at: At, mistake: Mistake);
}
