//! One question, one answer; and lists, page by page.

use std::time::Duration;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use watchpost::actors::{
    settings::TlsSettings,
    transport::{Body, Download, Downloads, HeaderText, Method, RestAnswer, RestCall, RestClient, Retry},
};

use super::{ClientError, target::Target};

/// How long an answer may take, with the tries to get it.
const ANSWER: Duration = Duration::from_secs(30);
/// Tries of a question that changes nothing.
const TRIES: u32 = 3;
/// The largest answer: a page of a thousand events, of which each may be large.
const LARGEST: usize = 256 << 20;
/// How many things are asked for at a time.
pub(super) const PAGE: usize = 1_000;

/// Asks one watchpost.
pub(in crate::cli) struct Client {
    target: Target,
    rest: RestClient,
    downloads: Downloads,
}

/// A page of a list.
#[derive(Deserialize)]
pub(in crate::cli) struct Page {
    /// What is in it, as it came.
    pub(in crate::cli) items: Vec<Box<RawValue>>,
    /// Where to go on.
    pub(in crate::cli) next: Option<String>,
}

/// A query: names and values.
pub(super) type Query = Vec<(&'static str, String)>;

impl Client {
    pub(in crate::cli) fn new(target: Target) -> Result<Self, ClientError> {
        let tls = TlsSettings::default().client_config()?;
        Ok(Self { target, rest: RestClient::new(&tls), downloads: Downloads::new(&tls) })
    }

    pub(in crate::cli) fn target(&self) -> &Target {
        &self.target
    }

    fn call(&self, method: Method, path: &[&str], query: &[(&str, String)]) -> RestCall {
        let mut call = RestCall::new(method, self.target.url(path, query));
        if let Some(token) = self.target.token() {
            call = call.header("authorization", HeaderText::secret(format!("Bearer {}", token.expose())));
        }
        (call.timeout, call.max_body) = (ANSWER, LARGEST);
        call
    }

    /// Asks for something.
    pub(in crate::cli) async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, String)],
    ) -> Result<T, ClientError> {
        let call = RestCall { retry: Retry::Safe { tries: TRIES }, ..self.call(Method::Get, path, query) };
        self.answered(path, &call).await
    }

    /// Asks for something to be done, once, for as long as `patience` beyond what an answer may take.
    pub(in crate::cli) async fn act<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        body: &impl Serialize,
        patience: Duration,
    ) -> Result<T, ClientError> {
        let mut call = RestCall { body: json(body)?, ..self.call(method, path, &[]) };
        call.timeout = ANSWER.saturating_add(patience);
        self.answered(path, &call).await
    }

    async fn answered<T: DeserializeOwned>(&self, path: &[&str], call: &RestCall) -> Result<T, ClientError> {
        let answer = self.rest.call(call).await.map_err(|error| ClientError::of_call(&self.target, error))?;
        self.judge(path, &answer)?;
        serde_json::from_slice(&answer.body).map_err(|error| ClientError::unreadable(&self.target, error))
    }

    fn judge(&self, path: &[&str], answer: &RestAnswer) -> Result<(), ClientError> {
        if answer.is_success() {
            return Ok(());
        }
        Err(ClientError::of_answer(&self.target, &format!("/api/v1/{}", path.join("/")), answer))
    }

    /// Walks a list, and hands over each thing as it came, until `each` has enough.
    pub(in crate::cli) async fn list(
        &self,
        path: &[&str],
        query: &[(&'static str, String)],
        each: impl FnMut(Box<RawValue>) -> Result<bool, ClientError>,
    ) -> Result<(), ClientError> {
        self.walk(path, query, Duration::ZERO, each).await
    }

    /// The same of a list that a vendor is asked for, with as long as `patience` for each page beyond what an answer may take.
    pub(super) async fn slow_list(
        &self,
        path: &[&str],
        patience: Duration,
        each: impl FnMut(Box<RawValue>) -> Result<bool, ClientError>,
    ) -> Result<(), ClientError> {
        self.walk(path, &[], patience, each).await
    }

    async fn walk(
        &self,
        path: &[&str],
        query: &[(&'static str, String)],
        patience: Duration,
        mut each: impl FnMut(Box<RawValue>) -> Result<bool, ClientError>,
    ) -> Result<(), ClientError> {
        let mut after: Option<String> = None;
        loop {
            let mut query = query.to_vec();
            query.push(("limit", PAGE.to_string()));
            query.extend(after.take().map(|after| ("after", after)));
            let mut call = RestCall { retry: Retry::Safe { tries: TRIES }, ..self.call(Method::Get, path, &query) };
            call.timeout = call.timeout.saturating_add(patience);
            let page: Page = self.answered(path, &call).await?;
            for item in page.items {
                if !each(item)? {
                    return Ok(());
                }
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
    }

    /// Reads one thing of a list.
    pub(in crate::cli) fn read<'a, T: Deserialize<'a>>(&self, item: &'a RawValue) -> Result<T, ClientError> {
        serde_json::from_str(item.get()).map_err(|error| ClientError::unreadable(&self.target, error))
    }

    /// Opens something that is read bit by bit.
    pub(super) async fn open(
        &self,
        path: &[&str],
        query: &[(&str, String)],
        headers: &[(&'static str, String)],
    ) -> Result<Download, ClientError> {
        let mut call = self.call(Method::Get, path, query);
        for (name, value) in headers {
            call = call.header(*name, value.clone());
        }
        self.opened(path, &call).await
    }

    /// Asks for something to be done of which the answer is large, and begins within `patience`.
    #[cfg(feature = "sqlite")]
    pub(super) async fn fetch(
        &self,
        path: &[&str],
        body: &impl Serialize,
        patience: Duration,
    ) -> Result<Download, ClientError> {
        let mut call = RestCall { body: json(body)?, ..self.call(Method::Post, path, &[]) };
        call.timeout = ANSWER.saturating_add(patience);
        self.opened(path, &call).await
    }

    async fn opened(&self, path: &[&str], call: &RestCall) -> Result<Download, ClientError> {
        let opened = self.downloads.open(call).await.map_err(|error| ClientError::of_call(&self.target, error))?;
        if opened.head().is_success() {
            return Ok(opened);
        }
        let answer = opened.into_answer().await;
        Err(ClientError::of_answer(&self.target, &format!("/api/v1/{}", path.join("/")), &answer))
    }
}

fn json(body: &impl Serialize) -> Result<Body, ClientError> {
    let text = serde_json::to_vec(body).map_err(|error| ClientError::Usage(error.to_string()))?;
    Ok(Body::Json(text.into()))
}
