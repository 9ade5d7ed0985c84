//! A vendor's command, as a running watchpost is asked for it.

use std::time::Duration;

use serde::de::DeserializeOwned;

use super::{Client, ClientError};

/// How long the vendor may take: VXG looks for what is created where an answer was lost, and Milestone's lists are slow on large sites.
pub(super) const PATIENCE: Duration = Duration::from_secs(150);

/// A command of this vendor's that a running watchpost can be asked for.
pub(in crate::cli) trait Remote<V> {
    /// What comes of it.
    type Output: DeserializeOwned;
    /// Whether it makes something that there would be twice if it were asked for again.
    const MAKES: bool = false;

    /// Has it done.
    async fn ask(&self, client: &Client) -> Result<Self::Output, ClientError>;
}
