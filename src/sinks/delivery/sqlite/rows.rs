//! What a row means, and what SQLite's errors mean.

use std::str::FromStr;

use jiff::Timestamp;
use rusqlite::{ErrorCode, Row, types::Type};
use watchpost_actors::model::{ConnectionName, Sequence};

use crate::sinks::delivery::{DeadLetter, DeliveryError, Failure, LanePosition, Replay};

/// How a lane is stored: its connection, or an empty text for the one lane of a sink that keeps one order.
pub(super) fn key(lane: Option<&ConnectionName>) -> &str {
    lane.map_or("", ConnectionName::as_str)
}

/// How a sequence is stored. Those above 2^63 do not occur: they count events.
pub(super) fn number(sequence: Sequence) -> i64 {
    i64::try_from(sequence.0).unwrap_or(i64::MAX)
}

pub(super) fn sequence_at(row: &Row<'_>, column: usize) -> rusqlite::Result<Sequence> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map(Sequence).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, number))
}

pub(super) fn time_at(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    let microsecond = row.get(column)?;
    Timestamp::from_microsecond(microsecond).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, microsecond))
}

fn name_at(row: &Row<'_>, column: usize) -> rusqlite::Result<ConnectionName> {
    let text: String = row.get(column)?;
    ConnectionName::from_str(&text)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error)))
}

/// The connection of a lane; an empty name is the one lane of a sink that keeps one order.
pub(super) fn lane_name_at(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<ConnectionName>> {
    let has_connection = !row.get_ref(column)?.as_str()?.is_empty();
    has_connection.then(|| name_at(row, column)).transpose()
}

/// `connection, position, failing_since, failed_at, why`
pub(super) fn lane_at(row: &Row<'_>) -> rusqlite::Result<LanePosition> {
    let failure = |why| -> rusqlite::Result<_> { Ok(Failure { since: time_at(row, 2)?, last: time_at(row, 3)?, why }) };
    Ok(LanePosition {
        connection: lane_name_at(row, 0)?,
        position: sequence_at(row, 1)?,
        failure: row.get::<_, Option<String>>(4)?.map(failure).transpose()?,
    })
}

/// `id, sink, connection, vendor, sequence, event_id, kind, why, tries, first_at, last_at, line`
pub(super) fn letter_at(row: &Row<'_>) -> rusqlite::Result<DeadLetter> {
    Ok(DeadLetter {
        id: row.get(0)?,
        sink: row.get(1)?,
        connection: name_at(row, 2)?,
        vendor: row.get(3)?,
        sequence: sequence_at(row, 4)?,
        event_id: row.get(5)?,
        kind: row.get(6)?,
        why: row.get(7)?,
        // Of something tried so often, the exact number is of no interest.
        tries: u32::try_from(sequence_at(row, 8)?.0).unwrap_or(u32::MAX),
        first: time_at(row, 9)?,
        last: time_at(row, 10)?,
        line: row.get(11)?,
    })
}

/// `id, sink, first, until, position, events, created_at`
pub(super) fn replay_at(row: &Row<'_>) -> rusqlite::Result<Replay> {
    Ok(Replay {
        id: row.get(0)?,
        sink: row.get(1)?,
        from: sequence_at(row, 2)?,
        until: sequence_at(row, 3)?,
        position: sequence_at(row, 4)?,
        events: sequence_at(row, 5)?.0,
        created: time_at(row, 6)?,
    })
}

impl From<rusqlite::Error> for DeliveryError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::Error::{
            FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType, SqliteFailure, Utf8Error,
        };
        match &error {
            SqliteFailure(failure, _)
                if matches!(failure.code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) =>
            {
                Self::Corrupt(error.to_string())
            }
            FromSqlConversionFailure(..) | IntegralValueOutOfRange(..) | InvalidColumnType(..) | Utf8Error(..) => {
                Self::Corrupt(error.to_string())
            }
            SqliteFailure(failure, _) => match advice(failure.code) {
                Some(advice) => Self::Unavailable(format!("{error}: {advice}")),
                None => Self::Unavailable(error.to_string()),
            },
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

/// What somebody can do about it.
fn advice(code: ErrorCode) -> Option<&'static str> {
    match code {
        ErrorCode::DiskFull => Some("make room on its disk"),
        ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied => {
            Some("give the user of watchpost the right to write this file and its folder")
        }
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
            Some("another program holds it; end that one, or try again")
        }
        ErrorCode::SystemIoFailure => Some("look for faults of its disk"),
        _ => None,
    }
}
