//! How faults are named, written and read. Which there are is said in each vendor's room, by the macro [`faults`].

use std::time::Duration;

/// One fault in one line, for `--help`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaultInfo<K> {
    /// Which fault.
    pub kind: K,
    /// As on the command line.
    pub name: &'static str,
    /// What may follow after `=`; `None` where nothing may.
    pub value: Option<&'static str>,
    /// What it does.
    pub help: &'static str,
}

/// A text that names no fault, or gives it a value it cannot have. Trying again cannot help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// No fault has this name.
    #[error("there is no fault `{name}`; `watchpost simulate {system} --help` lists them")]
    Unknown {
        /// What was given.
        name: String,
        /// Whose faults are meant, as on the command line.
        system: &'static str,
    },
    /// The fault takes no value.
    #[error("the fault `{0}` takes no value")]
    NoValue(&'static str),
    /// The value is not what the fault takes.
    #[error("the fault `{name}` takes `={hint}`, not `={given}`: {reason}")]
    Value {
        /// The fault's name.
        name: &'static str,
        /// What it takes.
        hint: &'static str,
        /// What was given.
        given: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// How the value of a periodic fault is written in its help.
const EVERY: &str = "EVERY";

/// A fault as the switchboard sees it.
pub(in crate::simulator) trait Switchable: Copy {
    /// A fault without its value.
    type Kind: Copy + Ord + 'static;

    fn kind(&self) -> Self::Kind;
    fn info(&self) -> &'static FaultInfo<Self::Kind>;
    fn value(&self) -> Option<&dyn Value>;
    fn value_mut(&mut self) -> Option<&mut dyn Value>;

    /// How often it strikes, if it does so by itself.
    fn period(&self) -> Option<Duration> {
        self.info().value.filter(|hint| *hint == EVERY)?;
        self.value()?.duration()
    }
}

/// Makes the enums `FaultKind` and `Fault` of a list of faults, with `all`, `FromStr` and `Display`, and the test that those two agree.
macro_rules! faults {
    ($system:literal; $($variant:ident $(($bind:ident: $ty:ty, $hint:literal, $default:expr))? = $name:literal, $help:literal;)*) => {
        /// The faults without their values: what [`Simulator::clear`](super::Simulator::clear) takes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum FaultKind { $(#[doc = $help] $variant,)* }

        /// A fault, with how long, how often or how much.
        ///
        /// Written `name` or `name=value`; without a value it takes its usual one.
        #[derive(Debug, Clone, Copy, PartialEq)]
        pub enum Fault { $(#[doc = $help] $variant $(($ty))?,)* }

        /// One fault in one line, for `--help`.
        pub type FaultInfo = $crate::simulator::common::faults::FaultInfo<FaultKind>;

        const ALL: &[FaultInfo] = &[$(FaultInfo {
            kind: FaultKind::$variant,
            name: $name,
            value: $crate::simulator::common::faults::first(&[$($hint)?]),
            help: $help,
        },)*];

        impl Fault {
            /// Every fault there is, in the order of their meaning.
            pub const fn all() -> &'static [FaultInfo] { ALL }

            /// Which fault it is, whatever its value.
            pub const fn kind(&self) -> FaultKind {
                match self { $(Self::$variant { .. } => FaultKind::$variant,)* }
            }
        }

        impl ::std::str::FromStr for Fault {
            type Err = $crate::simulator::common::faults::FaultError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                use $crate::simulator::common::faults::{named, read};
                let (info, given) = named(ALL, $system, text)?;
                match info.kind {
                    $(FaultKind::$variant => Ok(Self::$variant $((read::<$ty, _>(info, given, $default)?))?),)*
                }
            }
        }

        impl ::std::fmt::Display for Fault {
            fn fmt(&self, out: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                use $crate::simulator::common::faults::Switchable;
                out.write_str(self.info().name)?;
                self.value().map_or(Ok(()), |value| write!(out, "={}", value.written()))
            }
        }

        impl $crate::simulator::common::faults::Switchable for Fault {
            type Kind = FaultKind;

            fn kind(&self) -> FaultKind { self.kind() }

            fn info(&self) -> &'static FaultInfo { &ALL[self.kind() as usize] }

            fn value(&self) -> Option<&dyn $crate::simulator::common::faults::Value> {
                match self { $(Self::$variant $(($bind))? => none_or!($($bind)?),)* }
            }

            fn value_mut(&mut self) -> Option<&mut dyn $crate::simulator::common::faults::Value> {
                match self { $(Self::$variant $(($bind))? => none_or!($($bind)?),)* }
            }
        }

        #[cfg(test)]
        mod reading {
            #![allow(clippy::unwrap_used)]
            use super::Fault;

            #[test]
            fn every_fault_reads_back_what_it_writes() {
                for info in Fault::all() {
                    let usual: Fault = info.name.parse().unwrap();
                    assert_eq!(usual.kind(), info.kind);
                    assert_eq!(usual.to_string().parse::<Fault>().unwrap(), usual);
                    assert_eq!(usual.to_string().contains('='), info.value.is_some());
                }
            }
        }
    };
}

/// `None` of nothing, `Some` of something.
macro_rules! none_or {
    () => {
        None
    };
    ($value:expr) => {
        Some($value)
    };
}

pub(in crate::simulator) use {faults, none_or};

/// The hint of a fault that has one.
pub(in crate::simulator) const fn first(hints: &[&'static str]) -> Option<&'static str> {
    match hints {
        [hint, ..] => Some(*hint),
        [] => None,
    }
}

/// The fault that a text names, and the value that it gives.
pub(in crate::simulator) fn named<'a, K>(
    all: &'static [FaultInfo<K>],
    system: &'static str,
    text: &'a str,
) -> Result<(&'static FaultInfo<K>, Option<&'a str>), FaultError> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (text, None),
    };
    let unknown = || FaultError::Unknown { name: name.to_owned(), system };
    let info = all.iter().find(|info| info.name == name).ok_or_else(unknown)?;
    if value.is_some() && info.value.is_none() {
        return Err(FaultError::NoValue(info.name));
    }
    Ok((info, value))
}

pub(in crate::simulator) fn read<V: Value, K>(
    info: &FaultInfo<K>,
    given: Option<&str>,
    usual: V,
) -> Result<V, FaultError> {
    let Some(given) = given else { return Ok(usual) };
    V::read(given).map_err(|reason| FaultError::Value {
        name: info.name,
        hint: info.value.unwrap_or_default(),
        given: given.to_owned(),
        reason,
    })
}

/// An HTTP status, or the `status` of a reply, from 400 to 599.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status(pub u16);

/// A number of bytes; written `4MiB`, `300KB` or `5000`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size(pub usize);

/// A duration that may be negative; written `2h` or `-2h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offset {
    /// How long.
    pub by: Duration,
    /// It is less than nothing.
    pub is_negative: bool,
}

/// How something is refused, and how often before it is accepted again (`None`: for ever). Written `503` or `503:2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// How many are still to be refused.
    pub count: Option<u32>,
}

/// A refusal for ever.
pub(in crate::simulator) const fn refusal(status: u16) -> Refusal {
    Refusal { status, count: None }
}

/// How many times a fault strikes before it is off again (`None`: as long as it is on). Written `3` or `all`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times(pub Option<u32>);

/// What a fault may take.
pub(in crate::simulator) trait Value {
    fn read(text: &str) -> Result<Self, String>
    where
        Self: Sized;
    fn written(&self) -> String;

    fn status(&self) -> Option<u16> {
        None
    }
    fn duration(&self) -> Option<Duration> {
        None
    }
    fn count(&self) -> Option<usize> {
        None
    }
    fn refusal(&mut self) -> Option<&mut Refusal> {
        None
    }
    fn times(&mut self) -> Option<&mut Times> {
        None
    }
}

impl Value for Duration {
    fn read(text: &str) -> Result<Self, String> {
        match humantime::parse_duration(text) {
            Ok(Self::ZERO) => Err("it must be more than nothing".to_owned()),
            Ok(duration) => Ok(duration),
            Err(error) => Err(error.to_string()),
        }
    }
    fn written(&self) -> String {
        humantime::format_duration(*self).to_string().replace(' ', "")
    }
    fn duration(&self) -> Option<Duration> {
        Some(*self)
    }
}

impl Value for Offset {
    fn read(text: &str) -> Result<Self, String> {
        let digits = text.strip_prefix('-');
        Ok(Self { by: Duration::read(digits.unwrap_or(text))?, is_negative: digits.is_some() })
    }
    fn written(&self) -> String {
        format!("{}{}", if self.is_negative { "-" } else { "" }, self.by.written())
    }
}

impl Value for usize {
    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| "it must be a number".to_owned())
    }
    fn written(&self) -> String {
        self.to_string()
    }
    fn count(&self) -> Option<usize> {
        Some(*self)
    }
}

impl Value for Status {
    fn read(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(status @ 400..=599) => Ok(Self(status)),
            _ => Err("it must be a status from 400 to 599".to_owned()),
        }
    }
    fn written(&self) -> String {
        self.0.to_string()
    }
    fn status(&self) -> Option<u16> {
        Some(self.0)
    }
}

impl Value for Size {
    fn read(text: &str) -> Result<Self, String> {
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let factor = match unit.to_ascii_lowercase().as_str() {
            "" | "b" => 1,
            "kb" => 1000,
            "kib" => 1 << 10,
            "mb" => 1_000_000,
            "mib" => 1 << 20,
            _ => return Err("its unit must be KB, KiB, MB or MiB".to_owned()),
        };
        let number: usize = number.parse().map_err(|_| "it must begin with a number".to_owned())?;
        number.checked_mul(factor).map(Self).ok_or_else(|| "it is too large".to_owned())
    }
    fn written(&self) -> String {
        self.0.to_string()
    }
}

impl Value for Refusal {
    fn read(text: &str) -> Result<Self, String> {
        let (status, count) = match text.split_once(':') {
            Some((status, count)) => match count.parse() {
                Ok(count @ 1..) => (status, Some(count)),
                _ => return Err("the count must be a number from 1".to_owned()),
            },
            None => (text, None),
        };
        let Status(status) = Status::read(status)?;
        Ok(Self { status, count })
    }
    fn written(&self) -> String {
        match self.count {
            Some(count) => format!("{}:{count}", self.status),
            None => self.status.to_string(),
        }
    }
    fn status(&self) -> Option<u16> {
        Some(self.status)
    }
    fn refusal(&mut self) -> Option<&mut Refusal> {
        Some(self)
    }
}

impl Value for Times {
    fn read(text: &str) -> Result<Self, String> {
        match (text, text.parse()) {
            ("all", _) => Ok(Self(None)),
            (_, Ok(times @ 1..)) => Ok(Self(Some(times))),
            _ => Err("it must be a number from 1, or `all`".to_owned()),
        }
    }
    fn written(&self) -> String {
        self.0.map_or_else(|| "all".to_owned(), |times| times.to_string())
    }
    fn times(&mut self) -> Option<&mut Times> {
        Some(self)
    }
}
