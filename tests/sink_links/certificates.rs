//! Brokers that want a certificate of us.

use std::{fs, os::unix::fs::PermissionsExt};

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};

use crate::{
    QUIET, answer,
    durable_support::{Place, eventually},
    link,
    mosquitto::Mosquitto,
    nats::NatsServer,
    report, sink,
};

/// An authority whose certificates, and those that it has issued, are in the place's folder.
struct Authority<'a> {
    place: &'a Place,
    issuer: Issuer<'static, KeyPair>,
}

impl<'a> Authority<'a> {
    fn new(place: &'a Place, name: &str) -> Self {
        let mut authority = CertificateParams::default();
        // OpenSSL takes a certificate that has the name of its issuer for one of its own making.
        authority.distinguished_name.push(DnType::CommonName, name);
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        fs::write(place.path(&format!("{name}.pem")), authority.self_signed(&key).unwrap().pem()).unwrap();
        Self { place, issuer: Issuer::new(authority, key) }
    }

    fn issue(&self, name: &str, of: &str, usage: ExtendedKeyUsagePurpose) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![of.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, of);
        params.extended_key_usages = vec![usage];
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        fs::write(self.place.path(&format!("{name}.pem")), certificate.pem()).unwrap();
        let path = self.place.path(&format!("{name}.key"));
        fs::write(&path, key.serialize_pem()).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }
}

/// A place with certificates: `server` and `client` of `ca`, `stranger` of another authority.
fn place() -> Place {
    let place = Place::start(1);
    let ca = Authority::new(&place, "ca");
    ca.issue("server", "127.0.0.1", ExtendedKeyUsagePurpose::ServerAuth);
    ca.issue("client", "watchpost", ExtendedKeyUsagePurpose::ClientAuth);
    Authority::new(&place, "other").issue("stranger", "watchpost", ExtendedKeyUsagePurpose::ClientAuth);
    place
}

/// The broker wants a certificate of `ca`: with it everything goes, without it or with another nothing, and what is wrong is told.
fn assert_wanted(place: &Place, kind: &str, url: &str, arrived: impl Fn() -> bool) {
    let shown = |certificate: &str, key: &str| {
        format!("tls = {{ ca_file = \"ca.pem\", client_cert = \"{certificate}.pem\", client_key = \"{key}.key\" }}")
    };
    let look = |tls: &str| {
        place.configure("", &sink(kind, url, tls));
        answer(place, &["check", "--connect"])
    };
    for tls in ["tls = { ca_file = \"ca.pem\" }", &shown("stranger", "stranger")] {
        // A server that ends the connection at once may take its own word back with it.
        eventually("it is found out", || {
            let (code, text) = look(tls);
            assert_eq!(code, Some(1), "{tls}: {text}");
            text.contains("mend `tls.client_cert` and `tls.client_key`")
        });
        // Without an event, too.
        place.configure("", &sink(kind, url, &format!("{tls}\n{QUIET}")));
        let program = place.run();
        eventually("it is halted", || link(place) == "halted");
        assert!(report(place)["link"]["why"].as_str().unwrap().contains("tls.client_cert"), "{}", report(place));
        place.end(program);
    }
    let (code, text) = look(&shown("client", "stranger"));
    assert!(text.contains("does not belong to the certificate"), "{text}");
    assert!(code != Some(0) && text.contains("[sink \"broker\"] tls.client_cert"), "{text}");

    let (code, text) = look(&shown("client", "client"));
    assert_eq!(code, Some(0), "{text}");
    assert!(!text.contains("warning"), "{text}");
    let program = place.run();
    eventually("it is up", || link(place) == "up");
    eventually("events arrive", arrived);
    place.end(program);
}

#[test]
fn a_broker_that_wants_a_certificate_of_us_gets_it() {
    let place = place();
    let mut broker = Mosquitto::prepared("");
    let folder = place.folder.path().display();
    broker.configure(&format!(
        "allow_anonymous true\ncafile {folder}/ca.pem\ncertfile {folder}/server.pem\nkeyfile {folder}/server.key\n\
         require_certificate true"
    ));
    broker.begin();
    let url = format!("mqtts://127.0.0.1:{}", broker.port);
    assert_wanted(&place, "mqtt", &url, || broker.log().contains("/events/"));
}

#[test]
fn a_nats_server_that_wants_a_certificate_of_us_gets_it() {
    let place = place();
    let file = |name: &str| place.path(name).display().to_string();
    let tls = format!(
        "tls {{ cert_file: \"{}\", key_file: \"{}\", ca_file: \"{}\", verify: true }}",
        file("server.pem"),
        file("server.key"),
        file("ca.pem")
    );
    let (ca, certificate, key) = (place.path("ca.pem"), place.path("client.pem"), place.path("client.key"));
    let server = NatsServer::with_login(&tls, move |options| {
        let options = options.add_root_certificates(ca.clone()).require_tls(true);
        options.add_client_certificate(certificate.clone(), key.clone())
    });
    let url = format!("tls://127.0.0.1:{}", server.port);
    assert_wanted(&place, "nats", &url, || server.count("WATCHPOST") > 0);
}
