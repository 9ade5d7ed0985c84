//! The user that has logged in, and the accounts that it may switch to: `GET /g/user` and `GET /g/account/list`.

use std::collections::HashSet;
use std::fmt;

use serde_json::value::RawValue;

use super::devices::{ListError, Row, Skipped, rows};
use super::wire::{AccountId, loose};

/// The list as it was sent, and what of it could not be used.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccountList {
    /// In the list's order. The user's own account may be among them.
    pub accounts: Vec<Account>,
    /// Rows that say of no account anything.
    pub skipped: Vec<Skipped>,
    /// How many of them could not be read: each may be that of an account which is not in [`accounts`](Self::accounts). The others repeat one
    /// that is.
    pub unreadable: usize,
}

/// An account that the user may switch to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// What people call it.
    pub name: Option<String>,
    /// Whether it can be used.
    pub standing: Standing,
}

/// Whether an account can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    /// It can; also where nothing is said.
    Active,
    /// `is_suspended`.
    Suspended,
    /// `is_inactive`, or said not to be active (pending, perhaps; inferred).
    Inactive,
}

impl Standing {
    /// The word for people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Inactive => "inactive",
        }
    }
}

impl AccountList {
    /// Reads the answer to `GET /g/account/list`: an array of arrays, each of 21 elements by the documentation.
    ///
    /// # Errors
    /// [`ListError`] when the whole is no list. A row that is of no use is in [`skipped`](Self::skipped) and harms no other.
    pub fn read(body: &[u8]) -> Result<Self, ListError> {
        let (mut list, mut seen) = (Self::default(), HashSet::new());
        for (row, json) in rows(body)?.into_iter().enumerate() {
            match account(json) {
                Ok(account) if seen.insert(account.id.clone()) => list.accounts.push(account),
                Ok(account) => list.skipped.push(Skipped { row, why: format!("{} is there already", account.id) }),
                Err(why) => {
                    list.skipped.push(Skipped { row, why });
                    list.unreadable += 1;
                }
            }
        }
        Ok(list)
    }
}

fn account(json: &RawValue) -> Result<Account, String> {
    let row = Row::read(json)?;
    let id = row.text(0).ok_or("it has no id")?.parse::<AccountId>().map_err(|error| error.to_string())?;
    // Element 14, `is_account_active`, is 0 in the documented row of an active account: it says nothing.
    let standing = match [row.flag(5), row.flag(6), row.flag(7)] {
        [Some(true), ..] => Standing::Suspended,
        [_, Some(true), _] | [_, _, Some(false)] => Standing::Inactive,
        _ => Standing::Active,
    };
    Ok(Account { id, name: row.text(1), standing })
}

/// What a login, or `GET /g/user`, tells of the user that concerns us; no name and no address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The user's id.
    pub id: Option<String>,
    /// The account that the user belongs to.
    pub owner_account: AccountId,
    /// The account that this session works in.
    pub active_account: AccountId,
    /// Whether it is the user of a reseller's account.
    pub is_master: bool,
    /// Whether the user may log in; also where nothing is said.
    pub is_active: bool,
    /// Whether two-factor authentication is on.
    pub is_two_factor: bool,
    /// Whether new terms wait to be accepted: then EEN may suspend the user.
    pub is_terms_noncompliant: bool,
    /// The host name's first part for all further calls; none where there was none, or none that could be one.
    pub subdomain: Option<Subdomain>,
    /// The user's time zone, an IANA name.
    pub timezone: Option<String>,
    /// When an idle session ends; the unit is not certain.
    pub inactive_session_timeout: Option<i64>,
}

/// The first part of a host name: it decides where secrets are sent, so it is one label and nothing else.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Subdomain(Box<str>);

impl Subdomain {
    /// A label of 1 to 63 letters, digits and `-`, no `-` at its ends; in lower case.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        let is_label =
            (1..=63).contains(&text.len()) && text.bytes().all(plain) && !text.starts_with('-') && !text.ends_with('-');
        is_label.then(|| Self(text.to_ascii_lowercase().into()))
    }

    /// The label.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Subdomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Subdomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why an answer tells of no user. None of these repeats the answer: it holds a person's data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UserError {
    /// No JSON: says where.
    #[error("the user is no JSON: {0}")]
    NotJson(String),
    /// JSON of another kind.
    #[error("the user is {0}, not an object")]
    NotAnObject(&'static str),
    /// What cannot be done without is missing or no id.
    #[error("the user has no usable `{0}`")]
    Missing(&'static str),
}

impl User {
    /// Reads the answer to `POST /g/aaa/authorize` or `GET /g/user`.
    ///
    /// # Errors
    /// [`UserError`] when it is no object, or without the user's own account. Where no active account is named it is the own one.
    pub fn read(body: &[u8]) -> Result<Self, UserError> {
        let members: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(body).map_err(|error| {
            if error.is_data() {
                UserError::NotAnObject(loose::kind(str::from_utf8(body).unwrap_or_default()))
            } else {
                UserError::NotJson(error.to_string())
            }
        })?;
        // Members are few and this is read once a login.
        let json = |name: &str| members.get(name).map(ToString::to_string);
        let text = |name: &str| {
            json(name).as_deref().and_then(loose::text).map(|text| text.into_owned()).filter(|text| !text.is_empty())
        };
        let flag = |name: &str| json(name).as_deref().and_then(loose::flag);
        let account = |name: &str| text(name).and_then(|id| id.parse::<AccountId>().ok());
        let owner_account = account("owner_account_id").ok_or(UserError::Missing("owner_account_id"))?;
        Ok(Self {
            id: text("id").or_else(|| text("user_id")),
            active_account: account("active_account_id").unwrap_or_else(|| owner_account.clone()),
            owner_account,
            is_master: flag("is_master").unwrap_or(false),
            is_active: flag("is_active").unwrap_or(true),
            is_two_factor: flag("is_two_factor_authentication_enabled").unwrap_or(false),
            is_terms_noncompliant: flag("is_terms_noncompliant").unwrap_or(false),
            subdomain: text("active_brand_subdomain").as_deref().and_then(Subdomain::new),
            timezone: text("timezone"),
            inactive_session_timeout: json("inactive_session_timeout").as_deref().and_then(loose::number),
        })
    }
}

#[cfg(test)]
mod tests;
