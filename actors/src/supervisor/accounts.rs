//! Accounts, and gates of users: what connections share by the credentials that they have.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::num::NonZeroU32;
use std::sync::Arc;

use actix::prelude::*;
use rustls::ClientConfig;

use super::Supervisor;
use crate::account::Account;
use crate::caller::{Caller, Calls};
use crate::gate::{Gate, KeepPace};
use crate::lookup::{Directories, FollowNames, Lookup, OwnedDirectories};
use crate::messages::AddError;
use crate::model::ids::ConnectionName;
use crate::refusals::Refusals;
use crate::settings::{CommonSettings, TlsSettings};
use crate::telemetry::PacesDiffer;
use crate::transport::Brake;
use crate::vendors::Vendor;

/// What connections share a login by: the same user with another secret is another account.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct AccountKey {
    pub(super) name: Arc<str>,
    pub(super) secret: u64,
}

/// By what an account is known. The same user behind other TLS settings is another matter: a token must not travel over a weaker connection.
pub(crate) fn account_name(name: String, tls: &TlsSettings) -> Arc<str> {
    match tls {
        TlsSettings { insecure: true, .. } => format!("{name}, insecure").into(),
        TlsSettings { ca_file: Some(file), .. } => format!("{name}, by {}", file.display()).into(),
        TlsSettings { ca_file: None, .. } => name.into(),
    }
}

/// By what a gate is known. TLS settings do not count where a login uses the secret up: two at a time would show it twice.
pub(crate) fn gate_name<V: Vendor>(config: &V::Config, tls: &TlsSettings) -> Arc<str> {
    if V::SPENDS_SECRET { V::gate(config).into() } else { account_name(V::gate(config), tls) }
}

/// The gate of a user's logins, and its pace.
pub(super) struct UserGate {
    address: actix::WeakAddr<Gate>,
    /// How many connections name each pace.
    rates: BTreeMap<NonZeroU32, usize>,
    /// It was said that they name different ones.
    pub(super) warned: bool,
}

impl UserGate {
    /// The pace that counts: the slowest.
    pub(super) fn rate(&self) -> Option<NonZeroU32> {
        self.rates.keys().next().copied()
    }

    /// The paces that are named change.
    fn change(&mut self, gate: &Addr<Gate>, change: impl FnOnce(&mut BTreeMap<NonZeroU32, usize>)) {
        let before = self.rate();
        change(&mut self.rates);
        if self.rate() != before {
            gate.do_send(KeepPace(self.rate()));
        }
    }
}

impl Supervisor {
    /// Login and directory of an account, started with its first connection.
    pub(super) fn directories<V: Vendor>(
        &mut self,
        key: &AccountKey,
        gate: &AccountKey,
        config: &V::Config,
        common: &CommonSettings,
        tls: &Arc<ClientConfig>,
    ) -> Directories<V> {
        if let Some(known) = self.accounts.get(key).and_then(|known| known.downcast_ref::<OwnedDirectories<V>>()) {
            let known = known.share();
            self.gate::<V>(gate, config);
            return known;
        }
        let (login, directory) = (V::login(config, common), V::directory(config, common));
        let calls = Calls::new(self.caller(&common.tls, tls), self.brake::<V>(config));
        let of = Arc::clone(&key.name);
        let gate = self.gate::<V>(gate, config);
        let services = &self.ground.services;
        let journal = self.ground.journal.clone();
        let (of_lookup, by_lookup) = (Arc::clone(&of), calls.clone());
        let account = Actor::start_in_arbiter(services, move |_| Account::new(of, login, gate, journal, calls));
        let of_account = account.clone();
        let lookup =
            Actor::start_in_arbiter(services, move |_| Lookup::<V>::new(of_lookup, directory, of_account, by_lookup));
        for shard in &self.ground.shards {
            lookup.do_send(FollowNames(shard.tracker.clone().recipient()));
        }
        let directories = Directories { account, lookup };
        self.accounts.insert(key.clone(), Box::new(OwnedDirectories::new(directories.clone())));
        directories
    }

    /// Who makes the calls of logins and look-ups with these settings.
    fn caller(&mut self, settings: &TlsSettings, tls: &Arc<ClientConfig>) -> Addr<Caller> {
        if let Some(known) = self.callers.get(settings) {
            return known.clone();
        }
        let (tls, tape) = (Arc::clone(tls), self.ground.tape.clone());
        let caller = Actor::start_in_arbiter(&self.ground.services, move |_| Caller::new(&tls, tape));
        self.callers.insert(settings.clone(), caller.clone());
        caller
    }

    /// The gate of a user's logins, for one more connection. It ends with the last account behind it. Of different paces that its connections name
    /// the slowest counts.
    fn gate<V: Vendor>(&mut self, key: &AccountKey, config: &V::Config) -> Addr<Gate> {
        let rate = V::logins_per_second(config);
        if let Some(known) = self.gates.get_mut(key)
            && let Some(gate) = known.address.upgrade()
        {
            known.change(&gate, |rates| rate.into_iter().for_each(|rate| *rates.entry(rate).or_default() += 1));
            if known.rates.len() > 1 && !std::mem::replace(&mut known.warned, true) {
                PacesDiffer { user: &key.name, slowest: known.rate() }.emit();
            }
            return gate;
        }
        self.gates.retain(|_, gate| gate.address.upgrade().is_some());
        let refusals = Refusals::new(self.ground.journal.clone(), &key.name, !self.ground.insist);
        let gate = Gate::new(V::secret(config).clone(), V::resume_window(config), rate, refusals);
        let gate = Actor::start_in_arbiter(&self.ground.services, move |_| gate);
        let rates = rate.into_iter().map(|rate| (rate, 1)).collect();
        self.gates.insert(key.clone(), UserGate { address: gate.downgrade(), rates, warned: false });
        gate
    }

    /// A connection has gone: the pace that it named counts no more.
    pub(super) fn forget_pace(&mut self, gate: &AccountKey, rate: Option<NonZeroU32>) {
        let (Some(known), Some(rate)) = (self.gates.get_mut(gate), rate) else { return };
        let Some(gate) = known.address.upgrade() else { return };
        known.change(&gate, |rates| {
            if let Entry::Occupied(mut named) = rates.entry(rate) {
                *named.get_mut() -= 1;
                if *named.get() == 0 {
                    named.remove();
                }
            }
        });
        known.warned &= known.rates.len() > 1;
    }

    /// The brake of the service that a connection uses, if that is known to block addresses.
    pub(super) fn brake<V: Vendor>(&self, config: &V::Config) -> Option<Arc<Brake>> {
        V::service(config).map(|service| self.ground.brakes.of(&service, V::is_blocked))
    }

    pub(super) fn client_config(
        &mut self,
        name: &ConnectionName,
        settings: &TlsSettings,
    ) -> Result<Arc<ClientConfig>, AddError> {
        if let Some(known) = self.ground.tls.get(settings) {
            return Ok(Arc::clone(known));
        }
        let config = settings.client_config().map_err(|source| AddError::Tls { name: name.clone(), source })?;
        self.ground.tls.insert(settings.clone(), Arc::clone(&config));
        Ok(config)
    }
}
