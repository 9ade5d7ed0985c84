//! The actors of one account, as a connection and the supervisor hold them.

use actix::Addr;

use super::Lookup;
use crate::account::{Account, EndAccount};
use crate::vendors::Vendor;

/// What a connection needs of its account, without knowing the vendor's types where it need not.
pub(crate) struct Directories<V: Vendor> {
    pub(crate) account: Addr<Account<V::Login>>,
    pub(crate) lookup: Addr<Lookup<V>>,
}

impl<V: Vendor> Clone for Directories<V> {
    fn clone(&self) -> Self {
        Self { account: self.account.clone(), lookup: self.lookup.clone() }
    }
}

/// Nothing of it is secret, but it has no use either.
impl<V: Vendor> std::fmt::Debug for Directories<V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Directories")
    }
}

/// The supervisor's hold on an account. Its actors end with it: their own timers would keep them alive without an address, to log in with
/// the secret of a user who has been removed.
pub(crate) struct OwnedDirectories<V: Vendor>(Directories<V>);

impl<V: Vendor> OwnedDirectories<V> {
    pub(crate) fn new(directories: Directories<V>) -> Self {
        Self(directories)
    }

    pub(crate) fn share(&self) -> Directories<V> {
        self.0.clone()
    }
}

impl<V: Vendor> Drop for OwnedDirectories<V> {
    fn drop(&mut self) {
        self.0.lookup.do_send(EndAccount);
        self.0.account.do_send(EndAccount);
    }
}
