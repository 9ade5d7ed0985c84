//! Logins at a simulated cloud, call by call, without an engine around them.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use watchpost::actors::settings::{Secret, TlsSettings};
use watchpost::actors::transport::RestClient;
use watchpost::actors::vendors::een::config::ChildAccount;
use watchpost::actors::vendors::een::login::{CodeBy, TwoFactor, TwoFactorStep};
use watchpost::actors::vendors::een::{EenConfig, EenLogin, Grant, rest};
use watchpost::actors::vendors::{Login, LoginError, LoginStep, Now};
use watchpost::simulator::een::{Options, Simulator};

const PATIENCE: Duration = Duration::from_secs(10);

fn config(sim: &Simulator) -> EenConfig {
    let usual = Options::default();
    let mut config = EenConfig::new(usual.username, Secret::from(usual.password));
    config.auth_url = sim.url().parse().unwrap();
    config
}

/// Settings for the account with this number below the reseller's own.
fn config_of(sim: &Simulator, nth: usize) -> EenConfig {
    let own = sim.own_account();
    let id = sim.accounts().into_iter().map(|account| account.id).filter(|id| *id != own).nth(nth).unwrap();
    let child = ChildAccount { id: id.parse().unwrap(), name: String::new(), barred: None };
    let mut config = config(sim);
    config.child = Some(child);
    config
}

fn client() -> RestClient {
    RestClient::new(&TlsSettings::default().client_config().unwrap())
}

async fn log_in(client: &RestClient, mut login: EenLogin) -> Result<(Grant, String), LoginError> {
    let mut step = login.begin(Now::read());
    loop {
        match step {
            LoginStep::Call(call) => step = login.answer(Now::read(), client.call(&call).await),
            LoginStep::Granted { grant, who, .. } => return Ok((grant, who)),
            LoginStep::Keep(_) => panic!("Eagle Eye gives nothing to keep"),
            LoginStep::Failed(error) => return Err(error),
        }
    }
}

/// Makes the calls until a person is wanted, or all is over.
async fn go_on(client: &RestClient, login: &mut TwoFactor, mut step: TwoFactorStep) -> TwoFactorStep {
    while let TwoFactorStep::Call(call) = step {
        step = login.answer(client.call(&call).await);
    }
    step
}

#[test]
fn a_code_typed_once_makes_later_logins_need_none() {
    actix_rt::System::new().block_on(async {
        let sim = Simulator::start(Options { two_factor: Some("1234".to_owned()), ..Options::default() }).unwrap();
        let client = client();
        let refused = log_in(&client, EenLogin::new(config_of(&sim, 0), PATIENCE, None)).await.unwrap_err();
        assert!(refused.to_string().contains("watchpost login een"), "{refused}");

        let mut login = TwoFactor::new(config(&sim), PATIENCE);
        let begun = login.begin();
        let TwoFactorStep::Choose(ways) = go_on(&client, &mut login, begun).await else { panic!() };
        assert!(ways.sms.is_some() && ways.email.is_some(), "{ways:?}");
        let sent = login.send_by(CodeBy::Email);
        let step = go_on(&client, &mut login, sent).await;
        assert!(matches!(step, TwoFactorStep::TypeCode { by: CodeBy::Email, again: false }), "{step:?}");
        let typed = login.code("0000");
        let step = go_on(&client, &mut login, typed).await;
        assert!(matches!(step, TwoFactorStep::TypeCode { again: true, .. }), "{step:?}");
        let typed = login.code("1234");
        let TwoFactorStep::Done { tfa_key, grant, .. } = go_on(&client, &mut login, typed).await else { panic!() };

        let ended = client.call(&rest::logout(&grant)).await.unwrap();
        assert_eq!(ended.status, 204, "nobody uses that session");
        let known = client.call(&rest::is_authorized(&grant)).await.unwrap();
        assert_eq!(rest::read_is_authorized(&known), Ok(false));

        let (grant, _) = log_in(&client, EenLogin::new(config_of(&sim, 0), PATIENCE, tfa_key)).await.unwrap();
        let devices = client.call(&rest::list_devices(&grant)).await.unwrap();
        assert!(rest::read_devices(&devices).unwrap().wanted().count() > 0);
        assert!(matches!(
            rest::read_accounts(&client.call(&rest::list_accounts(&grant)).await.unwrap()),
            Err(rest::CallError::Forbidden)
        ));
    });
}

#[test]
fn an_account_that_was_closed_is_refused_alone() {
    actix_rt::System::new().block_on(async {
        let sim = Simulator::start(Options::default()).unwrap();
        let client = client();
        let closed = config_of(&sim, 1);
        let id = closed.child.as_ref().unwrap().id.to_string();
        assert!(sim.close_account(&id));
        let error = log_in(&client, EenLogin::new(closed, PATIENCE, None)).await.unwrap_err();
        assert!(matches!(&error, LoginError::NotThis(why) if why.contains(&id)), "{error}");

        let (reseller, who) = log_in(&client, EenLogin::new(config(&sim), PATIENCE, None)).await.unwrap();
        assert!(reseller.user.is_master && who.contains("watchpost"), "{who}");
        let list = client.call(&rest::list_accounts(&reseller)).await.unwrap();
        let ids: Vec<_> =
            rest::read_accounts(&list).unwrap().accounts.into_iter().map(|one| one.id.to_string()).collect();
        assert_eq!(ids, sim.accounts().into_iter().map(|one| one.id).collect::<Vec<_>>());
        assert!(!ids.contains(&id));
    });
}
