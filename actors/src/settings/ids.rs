//! Whom a connection is about, where there are several: all of them, or those whose ids are listed.

use std::fmt::Display;
use std::str::FromStr;

use super::mistake::shown;
use super::{At, Fields, Mistake, Value, closest};

/// All, or some.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chosen<T> {
    /// All that there are.
    All,
    /// Those with these ids, in the order in which they were written.
    Only(Vec<T>),
}

/// What people call those whose ids are read.
#[derive(Clone, Copy, Debug)]
pub struct IdWords {
    /// The key: `cameras`.
    pub key: &'static str,
    /// One of them: `camera`.
    pub one: &'static str,
    /// An id: `237863`.
    pub example: &'static str,
    /// Which of them `watchpost check --connect` shows: `those that the token opens`.
    pub shown: &'static str,
}

impl IdWords {
    fn forms(&self) -> String {
        format!("\"all\", or a list of {} ids like [{}]", self.one, self.example)
    }
}

impl<'f> dyn Fields + 'f {
    /// The word `all`, or a list of ids: whole numbers above 0, each once, in quotes or without.
    pub fn all_or_ids<T>(&mut self, words: IdWords) -> Option<Chosen<T>>
    where
        T: FromStr + TryFrom<i64> + Default + PartialOrd + Display,
    {
        let IdWords { key, one, .. } = words;
        let mistake = match self.value(key)? {
            Value::Text(word) if word == "all" => return Some(Chosen::All),
            Value::List(values) if values.is_empty() => {
                Mistake::new(format!("no {one} is named")).hint(format!("write {}", words.forms()))
            }
            Value::List(values) => return self.ids(words, &values).map(Chosen::Only),
            Value::Text(word) => {
                let hint = match word.trim().parse::<T>() {
                    Ok(id) => format!("write {key} = [{id}]"),
                    _ if closest(&word, ["all"]).is_some() || word == "*" => format!("write {key} = \"all\""),
                    _ => format!("write {}", words.forms()),
                };
                Mistake::new(format!("\"{}\" is not \"all\" and no list", shown(&word))).hint(hint)
            }
            Value::Integer(id) => Mistake::new(format!("expected a list of {one} ids, found one number"))
                .hint(format!("write {key} = [{id}]")),
            other => Mistake::new(format!("expected \"all\" or a list of {one} ids, found {}", other.kind()))
                .hint(format!("write {}", words.forms())),
        };
        self.error(key, mistake);
        None
    }

    fn ids<T>(&mut self, words: IdWords, values: &[Value]) -> Option<Vec<T>>
    where
        T: FromStr + TryFrom<i64> + Default + PartialOrd + Display,
    {
        let IdWords { key, one, example, shown } = words;
        let mut ids = Vec::with_capacity(values.len());
        let mut sound = true;
        for (index, value) in values.iter().enumerate() {
            let id = match value {
                Value::Integer(id) => T::try_from(*id).ok(),
                // As they stand in a subject.
                Value::Text(text) => text.trim().parse().ok(),
                _ => None,
            };
            let mistake = match id.filter(|id| *id > T::default()) {
                Some(id) if !ids.contains(&id) => {
                    ids.push(id);
                    continue;
                }
                Some(id) => Mistake::new(format!("{id} is there already")).hint("name each once"),
                None => Mistake::new(format!("this is no {one} id")).hint(format!(
                    "an id is a whole number, like {example}; `watchpost check --connect` shows {shown}"
                )),
            };
            self.error(At::Item(key, index), mistake);
            sound = false;
        }
        sound.then_some(ids)
    }
}
