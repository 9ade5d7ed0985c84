//! What downloads promise: all of it or nothing, within bounds, and nothing left behind.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use tempfile::TempDir;
use tokio::time::sleep;

use super::{
    super::{
        Downloads, Fault, HeaderText, Method, RestCall, RestError,
        download::{DownloadError, Limits, Part},
    },
    server::{Server, tls, within},
};

/// A folder with the file as it was before.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self { folder: TempDir::new().unwrap() };
        fs::write(place.file(), "before").unwrap();
        place
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("clip.mp4")
    }

    /// What is in the folder, by name.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn assert_untouched(&self) {
        assert_eq!(self.names(), ["clip.mp4"]);
        assert_eq!(fs::read_to_string(self.file()).unwrap(), "before");
    }
}

/// A server that answers one request with these pieces, so far apart, and hangs up. The answer is what it was asked.
fn serve(server: Server, pieces: Vec<Vec<u8>>, apart: Duration) -> tokio::task::JoinHandle<String> {
    actix_rt::spawn(async move {
        let mut peer = server.accept().await;
        let (head, _) = peer.request().await.unwrap();
        for piece in pieces {
            peer.write(piece).await;
            sleep(apart).await;
        }
        head
    })
}

/// Downloads one answer to a file.
async fn download(
    pieces: &[&[u8]],
    apart: Duration,
    limits: &Limits,
    file: &Path,
) -> (Result<u64, DownloadError>, Vec<(u64, Option<u64>)>) {
    let server = Server::start().await;
    let call = RestCall::new(Method::Get, server.url("http", "/clip?token=1"));
    let _served = serve(server, pieces.iter().map(|piece| piece.to_vec()).collect(), apart);
    let mut told = Vec::new();
    let outcome = within(async {
        let mut part = Part::beside(file).await?;
        let opened = Downloads::new(&tls()).open(&call).await?;
        let size = opened.save(&mut part, limits, &mut |size, total| told.push((size, total))).await?;
        part.keep().await?;
        Ok(size)
    })
    .await;
    (outcome, told)
}

async fn at_once(answer: &str, limits: &Limits, file: &Path) -> Result<u64, DownloadError> {
    download(&[answer.as_bytes()], Duration::ZERO, limits, file).await.0
}

fn fault(outcome: Result<u64, DownloadError>) -> Fault {
    match outcome {
        Err(DownloadError::Call(RestError::Failed { fault, .. })) => fault,
        other => panic!("{other:?}"),
    }
}

#[actix_rt::test]
async fn what_has_a_length_and_what_comes_in_chunks_replaces_the_file_when_it_is_whole() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nafter",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\naf\r\n3\r\nter\r\n0\r\n\r\n",
    ] {
        let place = Place::new();
        assert_eq!(at_once(answer, &Limits::default(), &place.file()).await.unwrap(), 5);
        assert_eq!(fs::read_to_string(place.file()).unwrap(), "after");
        assert_eq!(place.names(), ["clip.mp4"]);
    }
}

#[actix_rt::test]
async fn a_large_body_arrives_exact_and_tells_how_far_it_is() {
    let place = Place::new();
    let body: Vec<u8> = (0..1_500_007_u32).flat_map(|n| [(n % 251) as u8]).collect();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    let (outcome, told) = download(&[head.as_bytes(), &body], Duration::ZERO, &Limits::default(), &place.file()).await;
    let size = body.len() as u64;
    assert_eq!(outcome.unwrap(), size);
    assert!(fs::read(place.file()).unwrap() == body);
    assert_eq!((told.first(), told.last()), (Some(&(0, Some(size))), Some(&(size, Some(size)))));
    assert!(told.windows(2).all(|two| two[0].0 < two[1].0));
}

#[actix_rt::test]
async fn an_empty_body_is_a_file_without_content() {
    let place = Place::new();
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(at_once(answer, &Limits::default(), &place.file()).await.unwrap(), 0);
    assert_eq!(fs::read(place.file()).unwrap(), b"");
}

#[actix_rt::test]
async fn a_body_that_is_cut_off_is_no_file_whichever_way_it_came() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nafter",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nafter\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n50\r\nafter",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nafter\r\n0\r\n",
    ] {
        let place = Place::new();
        let outcome = at_once(answer, &Limits::default(), &place.file()).await;
        assert!(outcome.as_ref().is_err_and(DownloadError::is_retryable), "{answer}: {outcome:?}");
        assert!(matches!(fault(outcome), Fault::Lost(_)), "{answer}");
        place.assert_untouched();
    }
}

#[actix_rt::test]
async fn more_than_allowed_is_no_file_announced_or_not() {
    let limits = Limits { max_bytes: 4, ..Limits::default() };
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nafter",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\naf\r\n3\r\nter\r\n0\r\n\r\n",
    ] {
        let place = Place::new();
        let error = at_once(answer, &limits, &place.file()).await.unwrap_err();
        assert!(matches!(error, DownloadError::TooLarge { limit: 4, .. }) && !error.is_retryable(), "{error:?}");
        assert!(!error.to_string().contains("token"), "{error}");
        place.assert_untouched();
    }
    let place = Place::new();
    let exact = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfour";
    assert_eq!(at_once(exact, &limits, &place.file()).await.unwrap(), 4);
}

#[actix_rt::test]
async fn a_server_that_falls_silent_and_one_that_never_ends_are_given_up() {
    let head: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n";
    let place = Place::new();
    let limits = Limits { idle: Duration::from_millis(50), ..Limits::default() };
    let (outcome, _) = download(&[head], Duration::from_secs(60), &limits, &place.file()).await;
    assert!(matches!(fault(outcome), Fault::Lost(why) if why.contains("nothing came")));
    place.assert_untouched();

    let mut drops = vec![head];
    drops.extend([b"1\r\nb\r\n".as_slice(); 1_000]);
    let limits = Limits { whole: Duration::from_millis(200), ..Limits::default() };
    let (outcome, told) = download(&drops, Duration::from_millis(10), &limits, &place.file()).await;
    assert_eq!(fault(outcome), Fault::Timeout(Duration::from_millis(200)));
    assert!(told.len() > 2, "{told:?}");
    place.assert_untouched();
}

#[actix_rt::test]
async fn what_cannot_be_known_to_be_whole_or_is_encoded_is_refused() {
    for answer in [
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nafter",
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nafter",
    ] {
        let place = Place::new();
        let outcome = at_once(answer, &Limits::default(), &place.file()).await;
        assert!(matches!(fault(outcome), Fault::Protocol(_)), "{answer}");
        place.assert_untouched();
    }
}

#[actix_rt::test]
async fn a_download_that_is_dropped_leaves_nothing_behind() {
    let place = Place::new();
    let (server, file) = (Server::start().await, place.file());
    let call = RestCall::new(Method::Get, server.url("http", "/clip"));
    let beginning = [b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n".as_slice(), &[7; 400_000]].concat();
    let _served = serve(server, vec![beginning], Duration::from_secs(60));
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let running = actix_rt::spawn(async move {
        let mut part = Part::beside(&file).await.unwrap();
        let opened = Downloads::new(&tls()).open(&call).await.unwrap();
        opened
            .save(&mut part, &Limits::default(), &mut |size, _| {
                let _ = tell.send(size);
            })
            .await
    });
    while within(told.recv()).await.unwrap() < 300_000 {}
    assert_eq!(place.names().len(), 2, "it is being written beside the file");
    running.abort();
    let _ = running.await;
    place.assert_untouched();
}

#[actix_rt::test]
async fn another_try_begins_with_an_empty_part() {
    let place = Place::new();
    let mut part = Part::beside(&place.file()).await.unwrap();
    let (long, short) = (vec![b'x'; 600_000], b"after".to_vec());
    for (announced, body) in [(700_000, long), (5, short)] {
        let server = Server::start().await;
        let call = RestCall::new(Method::Get, server.url("http", "/clip"));
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {announced}\r\n\r\n").into_bytes();
        let _served = serve(server, vec![head, body], Duration::ZERO);
        let opened = within(Downloads::new(&tls()).open(&call)).await.unwrap();
        let outcome = within(opened.save(&mut part, &Limits::default(), &mut |_, _| {})).await;
        assert_eq!(outcome.is_ok(), announced == 5, "{outcome:?}");
    }
    part.keep().await.unwrap();
    assert_eq!(fs::read_to_string(place.file()).unwrap(), "after");
}

#[actix_rt::test]
async fn the_request_is_what_the_call_says() {
    let server = Server::start().await;
    let call = RestCall::new(Method::Get, server.url("http", "/clip?x=1"))
        .header("authorization", HeaderText::secret("Bearer t0psecret"))
        .header("user-agent", "Mozilla");
    let host = call.url.authority().to_owned();
    let served =
        serve(server, vec![b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nsoon".to_vec()], Duration::ZERO);
    let opened = within(Downloads::new(&tls()).open(&call)).await.unwrap();
    assert_eq!(opened.head().status, 404);
    assert_eq!(within(opened.into_answer()).await.body, "soon");
    let head = within(served).await.unwrap();
    assert!(head.starts_with("GET /clip?x=1 HTTP/1.1\r\n"), "{head}");
    let lines: Vec<_> = head.lines().map(str::to_ascii_lowercase).collect();
    for line in [format!("host: {host}"), "authorization: bearer t0psecret".into(), "user-agent: mozilla".into()] {
        assert_eq!(lines.iter().filter(|known| **known == line).count(), 1, "{line} in {head}");
    }
    assert_eq!(lines.iter().filter(|line| line.starts_with("user-agent:")).count(), 1, "{head}");
}

#[actix_rt::test]
async fn an_answer_that_is_not_wanted_is_read_for_a_second_at_most() {
    let server = Server::start().await;
    let call = RestCall::new(Method::Get, server.url("http", "/clip"));
    let head = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 100000\r\n\r\nno".to_vec();
    let _served = serve(server, vec![head], Duration::from_secs(60));
    let opened = within(Downloads::new(&tls()).open(&call)).await.unwrap();
    assert_eq!(within(opened.into_answer()).await.body, "no");
}

#[actix_rt::test]
async fn a_place_that_cannot_be_written_is_told_before_anything_is_asked() {
    let place = Place::new();
    for (path, part) in [
        (place.folder.path().to_owned(), "it is a folder"),
        (place.folder.path().join("none/clip.mp4"), "No such file"),
        (PathBuf::from("/dev/null"), "no ordinary file"),
    ] {
        let error = Part::beside(&path).await.unwrap_err().to_string();
        assert!(error.contains(part) && error.contains(&*path.to_string_lossy()), "{error}");
    }
    place.assert_untouched();
}

#[cfg(unix)]
#[actix_rt::test]
async fn a_link_is_followed_and_stays_a_link() {
    let place = Place::new();
    let link = place.folder.path().join("link");
    std::os::unix::fs::symlink(place.file(), &link).unwrap();
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nafter";
    at_once(answer, &Limits::default(), &link).await.unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(place.file()).unwrap(), "after");
}
