//! Connections that another one asks for: a reseller's accounts, say.

use std::collections::HashSet;

use actix::prelude::*;

use super::Supervisor;
use super::row::{Phase, Row};
use crate::connection::Control;
use crate::engine::ConnectionConfig;
use crate::model::ids::ConnectionName;
use crate::settings::CommonSettings;
use crate::vendors::{Children, Others, VendorSettings, WantedChild};

/// These connections should be there beside their parent.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct WantChildren {
    pub(crate) parent: ConnectionName,
    pub(crate) common: CommonSettings,
    pub(crate) children: Children,
}

impl Supervisor {
    /// Gives a child the settings that its parent wants now, and starts it anew if it depends on what has changed.
    fn renew(&mut self, name: &ConnectionName, vendor: VendorSettings, mark: String, ctx: &mut Context<Self>) {
        let Some(row) = self.table.get_mut(name).filter(|row| row.leaving.is_none()) else { return };
        row.config.vendor = vendor;
        let mark = Some(mark);
        if std::mem::replace(&mut row.mark, mark) == row.mark {
            return;
        }
        match &row.phase {
            Phase::Running(address) => {
                row.anew = true;
                address.do_send(Control::Stop);
            }
            Phase::Launching => row.anew = true,
            Phase::Waiting | Phase::Ended => self.start(name.clone(), ctx),
        }
    }
}

impl Handler<WantChildren> for Supervisor {
    type Result = ();

    fn handle(&mut self, want: WantChildren, ctx: &mut Self::Context) {
        let WantChildren { parent, common, children: Children { wanted, others } } = want;
        if self.table.get(&parent).is_none_or(|row| row.leaving.is_some()) {
            return;
        }
        let mut named = HashSet::new();
        for WantedChild { id, vendor, mark } in wanted {
            let Ok(name) = parent.child(&id) else { continue };
            named.insert(name.clone());
            if self.table.contains_key(&name) {
                if let Some(mark) = mark {
                    self.renew(&name, vendor, mark, ctx);
                }
                continue;
            }
            let config = ConnectionConfig { name: name.clone(), common: common.clone(), vendor };
            // The parent's TLS settings are known to be good, and the name is free.
            drop(self.add(config, Some(parent.clone()), ctx));
            if let Some(row) = self.table.get_mut(&name) {
                row.mark = mark;
            }
        }
        if others == Others::Stay {
            return;
        }
        let of_parent = |row: &Row| row.parent.as_ref() == Some(&parent) && row.leaving.is_none();
        let surplus = self.table.iter().filter(|(name, row)| of_parent(row) && !named.contains(*name));
        let surplus: Vec<_> = surplus.map(|(name, _)| name.clone()).collect();
        for name in &surplus {
            drop(self.leave(name));
        }
    }
}
