//! The headers of Standard Webhooks: which request this is, when it was made, and that it is ours.

use base64::{Engine, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use ring::hmac;

use crate::config::SigningKey;

/// Signs requests with a key that the receiver has too (HMAC-SHA256, version 1).
pub(super) struct Signer(hmac::Key);

impl Signer {
    pub(super) fn new(key: &SigningKey) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key.expose()))
    }

    /// The signature as it stands in its header: `v1,` and base64.
    fn sign(&self, id: &str, timestamp: &str, body: &[u8]) -> String {
        let mut context = hmac::Context::with_key(&self.0);
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            context.update(part);
        }
        format!("v1,{}", BASE64_STANDARD.encode(context.sign()))
    }
}

/// The headers of a request that is made now. Without a signer all but the signature.
pub(super) fn headers(
    signer: Option<&Signer>,
    id: String,
    now: Timestamp,
    body: &[u8],
) -> impl IntoIterator<Item = (&'static str, String)> + use<> {
    let timestamp = now.as_second().to_string();
    let signature = signer.map(|signer| signer.sign(&id, &timestamp, body));
    let headers = [("webhook-id", Some(id)), ("webhook-timestamp", Some(timestamp)), ("webhook-signature", signature)];
    headers.into_iter().filter_map(|(name, value)| Some((name, value?)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use http::{HeaderMap, HeaderName};
    use proptest::prelude::*;

    use super::*;

    fn signer(key: &str) -> Signer {
        Signer::new(&SigningKey::parse(key).unwrap())
    }

    #[test]
    fn a_signature_is_the_published_one() {
        // The example of the Standard Webhooks libraries.
        let body = br#"{"email":"test@example.com","username":"test_user"}"#;
        assert_eq!(
            signer("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD").sign(
                "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
                "1649367553",
                body
            ),
            "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw="
        );
    }

    #[test]
    fn without_a_key_a_request_has_an_id_and_a_time() {
        let headers = headers(None, "hq:1".to_owned(), "2026-06-11T09:18:00.9Z".parse().unwrap(), b"{}");
        let headers: Vec<_> = headers.into_iter().collect();
        assert_eq!(headers, [("webhook-id", "hq:1".to_owned()), ("webhook-timestamp", "1781169480".to_owned())]);
    }

    proptest! {
        #[test]
        fn whatever_is_signed_is_verified_by_a_receiver(
            key in prop::collection::vec(any::<u8>(), 24..=64),
            id in "[!-~]{1,80}",
            body in any::<String>(),
        ) {
            let key = format!("whsec_{}", BASE64_STANDARD.encode(key));
            let headers = headers(Some(&signer(&key)), id, Timestamp::now(), body.as_bytes());
            let headers = headers.into_iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
            let map: HeaderMap = headers.collect();
            let receiver = standardwebhooks::Webhook::new(&key).unwrap();
            prop_assert!(receiver.verify(body.as_bytes(), &map).is_ok());
            let other = body + " ";
            prop_assert!(receiver.verify(other.as_bytes(), &map).is_err());
        }
    }
}
