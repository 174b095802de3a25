//! The HTTP client against servers of every kind of behaviour, and the HTTP shell of the reference server.

mod common;

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use eipcheck::{
    reference::server::{Reference, Running, start},
    spec::{Law, SpecSource, law::ProductIx, load},
    target::{
        Exchange, HttpTarget, NoAnswer, TargetOptions,
        clock::{ADVANCE, Clock},
    },
    wire::{
        MAX_ANSWER, MAX_REQUEST,
        http::HttpResponse,
        sign::{Credentials, Manner, Signer},
    },
};
use url::Url;

static LAW: LazyLock<Arc<Law>> = LazyLock::new(|| Arc::new(load(&SpecSource::BuiltIn, "ec2", &[]).unwrap()));

/// Long enough for anything that is going to happen at all.
const LONG: Duration = Duration::from_secs(60);

// --- The client --------------------------------------------------------------------------------------------------------

/// A server that handles each connection with the same function, until the test ends.
struct Server {
    url: Url,
    connections: Arc<AtomicUsize>,
}

impl Server {
    fn new(handle: impl Fn(TcpStream) + Send + Sync + 'static) -> Server {
        let (url, connections) = common::listen(handle);
        Server { url: url.parse().unwrap(), connections }
    }

    /// A server that answers every request of every connection with these bytes, and closes it or not.
    fn answering(answer: impl Into<Vec<u8>>, closes: bool) -> Server {
        let answer = answer.into();
        Server::new(move |stream| {
            let mut reader = BufReader::new(stream);
            while read_request(&mut reader).is_some() {
                // A client that has heard enough hangs up.
                if reader.get_mut().write_all(&answer).is_err() || closes {
                    return;
                }
            }
        })
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    fn target(&self) -> HttpTarget {
        self.target_within(LONG)
    }

    fn target_within(&self, timeout: Duration) -> HttpTarget {
        HttpTarget::new(self.url.clone(), TargetOptions { timeout, ..TargetOptions::new(signer()) }).unwrap()
    }
}

/// The body of the next request; none when there is none.
fn read_request(reader: &mut BufReader<TcpStream>) -> Option<String> {
    let mut length = 0;
    let mut line = String::new();
    loop {
        line.clear();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    String::from_utf8(body).ok()
}

fn signer() -> Signer {
    let credentials = Credentials {
        access_key: "AKIDEXAMPLE".into(),
        secret_key: "s3cret".into(),
        session_token: Some("t0ken".into()),
    };
    Signer::new(credentials, "us-east-1", Manner::choose(LAW.wire.protocol, None, None).unwrap())
}

async fn send(target: &HttpTarget) -> Exchange {
    target.send_raw(&LAW, ProductIx(0), "DescribeNothing", &[("A".to_owned(), "b".to_owned())]).await
}

#[track_caller]
fn answer(exchange: Exchange) -> HttpResponse {
    exchange.outcome.unwrap_or_else(|why| panic!("no answer: {why}"))
}

#[track_caller]
fn no_answer(exchange: Exchange) -> NoAnswer {
    match exchange.outcome {
        Err(why) => why,
        Ok(response) => panic!("an answer: {response:?}"),
    }
}

#[tokio::test]
async fn a_connection_that_is_kept_is_used_again() {
    let server = Server::answering("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n<ok>", false);
    let target = server.target();
    for _ in 0..5 {
        let response = answer(send(&target).await);
        assert_eq!((response.status, &response.body[..]), (200, &b"<ok>"[..]));
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_connection_that_the_server_closes_is_opened_anew() {
    let server = Server::answering("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\n<ok>", true);
    let target = server.target();
    for _ in 0..5 {
        assert_eq!(&answer(send(&target).await).body[..], b"<ok>");
    }
    assert_eq!(server.connections(), 5);
}

#[tokio::test]
async fn an_answer_without_a_length_ends_with_its_connection() {
    let server = Server::answering("HTTP/1.0 200 OK\r\n\r\nto the end", true);
    assert_eq!(&answer(send(&server.target()).await).body[..], b"to the end");
}

#[tokio::test]
async fn an_answer_in_chunks_is_put_together() {
    let chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n<one\r\n6\r\n></one\r\n1\r\n>\r\n0\r\n\r\n";
    let server = Server::answering(chunks, false);
    let target = server.target();
    for _ in 0..3 {
        assert_eq!(&answer(send(&target).await).body[..], b"<one></one>");
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn an_error_is_an_answer_with_its_headers() {
    let head = "HTTP/1.1 503 Busy\r\nX-Amzn-RequestId: abc\r\nContent-Length: 1\r\n\r\n!";
    let response = answer(send(&Server::answering(head, false).target()).await);
    assert_eq!((response.status, response.header("x-amzn-requestid")), (503, Some("abc")));
}

#[tokio::test]
async fn an_answer_of_the_largest_size_is_read() {
    let mut bytes = format!("HTTP/1.1 200 OK\r\nContent-Length: {MAX_ANSWER}\r\n\r\n").into_bytes();
    bytes.resize(bytes.len() + MAX_ANSWER, b'x');
    let response = answer(send(&Server::answering(bytes, false).target()).await);
    assert_eq!(response.body.len(), MAX_ANSWER);
}

#[tokio::test]
async fn an_answer_that_announces_too_much_is_refused_at_once() {
    // The body never comes, so whoever waits for it waits in vain.
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", MAX_ANSWER + 1);
    let why = no_answer(send(&Server::answering(head, false).target()).await);
    assert_eq!(why, NoAnswer::TooLarge { limit: MAX_ANSWER });
    assert!(!why.never_arrived());
}

#[tokio::test]
async fn an_answer_that_turns_out_too_large_is_refused() {
    let mut bytes = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_vec();
    bytes.resize(bytes.len() + MAX_ANSWER + 1, b'x');
    let why = no_answer(send(&Server::answering(bytes, true).target()).await);
    assert_eq!(why, NoAnswer::TooLarge { limit: MAX_ANSWER });
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_none() {
    for start in ["HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n<half", "HTTP/1.1 200 OK\r\nContent-Le", ""] {
        let why = no_answer(send(&Server::answering(start, true).target()).await);
        assert!(matches!(why, NoAnswer::Closed { .. }), "after {start:?}: {why:?}");
        assert!(!why.never_arrived(), "the request may have been done");
    }
}

#[tokio::test]
async fn a_chunk_that_breaks_off_is_no_answer() {
    let start = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n<half";
    let why = no_answer(send(&Server::answering(start, true).target()).await);
    assert!(matches!(why, NoAnswer::Closed { .. }), "{why:?}");
}

#[tokio::test]
async fn a_request_whose_answer_was_lost_is_not_sent_again() {
    let requests = Arc::new(AtomicUsize::new(0));
    let count = requests.clone();
    let server = Server::new(move |stream| {
        let mut reader = BufReader::new(stream);
        if read_request(&mut reader).is_some() && count.fetch_add(1, Ordering::SeqCst) == 0 {
            // The first one is answered, and its connection kept.
            reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
            if read_request(&mut reader).is_some() {
                count.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    let target = server.target();
    answer(send(&target).await);
    let why = no_answer(send(&target).await);
    assert!(matches!(why, NoAnswer::Closed { .. }), "{why:?}");
    assert_eq!((requests.load(Ordering::SeqCst), server.connections()), (2, 1));
}

#[tokio::test]
async fn an_answer_that_does_not_come_in_time_is_none() {
    for start in ["", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n<half"] {
        let server = Server::answering(start, false);
        let after = Duration::from_millis(100);
        let why = no_answer(send(&server.target_within(after)).await);
        assert_eq!(why, NoAnswer::Timeout { after }, "after {start:?}");
        assert!(!why.never_arrived());
    }
}

#[tokio::test]
async fn what_is_not_http_is_garbage() {
    for noise in ["SSH-2.0-OpenSSH_9.6\r\n\r\n", "\u{1}\u{2}\u{3}\u{4}\r\n\r\n", "HTTP/1.1 abc\r\n\r\n"] {
        let why = no_answer(send(&Server::answering(noise, true).target()).await);
        assert!(matches!(why, NoAnswer::Garbage { .. }), "after {noise:?}: {why:?}");
    }
}

#[tokio::test]
async fn a_port_where_nobody_listens_refuses() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    drop(listener);
    let why = no_answer(send(&HttpTarget::new(url, TargetOptions::new(signer())).unwrap()).await);
    assert_eq!(why, NoAnswer::Refused);
    assert!(why.never_arrived());
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Server::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false);
    for status in [301, 302, 307, 308] {
        let head = format!("HTTP/1.1 {status} Moved\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", elsewhere.url);
        assert_eq!(answer(send(&Server::answering(head, false).target()).await).status, status);
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn what_is_sent_is_what_the_exchange_says() {
    let (tell, told) = std::sync::mpsc::channel();
    let server = Server::new(move |stream| {
        let mut reader = BufReader::new(stream);
        tell.send(read_request(&mut reader)).unwrap();
        let _ = reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    });
    let exchange = send(&server.target()).await;
    let body = told.recv().unwrap().unwrap();
    assert_eq!(body.as_bytes(), &exchange.request.body[..]);
    assert!(body.starts_with("Action=DescribeNothing&") && body.ends_with("&A=b"), "{body}");
}

#[tokio::test]
async fn a_redacted_request_does_not_let_its_reader_act_as_the_sender() {
    let server = Server::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false);
    let request = send(&server.target()).await.request;
    let plain = format!("{request:?}");
    assert!(plain.contains("AKIDEXAMPLE") && plain.contains("Signature=") && plain.contains("t0ken"), "{plain}");
    let redacted = format!("{:?}", request.redacted());
    for secret in ["AKIDEXAMPLE", "Signature=", "t0ken", "s3cret"] {
        assert!(!redacted.contains(secret), "{redacted}");
    }
    assert_eq!(request.redacted().body, request.body);
    assert_eq!(request.redacted().headers.len(), request.headers.len());
}

#[test]
fn a_url_that_cannot_be_a_target_is_refused_without_showing_a_password() {
    for url in [
        "ftp://host/",
        "http://host/path",
        "http://host/?query",
        "http://host/#part",
        "http://me:hidden@host/",
        "data:x",
    ] {
        let refused = HttpTarget::new(Url::parse(url).unwrap(), TargetOptions::new(signer()));
        let why = format!("{:?}", refused.expect_err(url));
        assert!(!why.contains("hidden"), "{why}");
    }
}

// --- The shell of the reference server ---------------------------------------------------------------------------------

async fn reference() -> Running {
    start(Reference::new(LAW.clone(), 1, Clock::driven()), 0).await.unwrap()
}

/// Sends bytes as they stand; the status and the body of the first answer. Waits for the head and its announced body
/// only, never for the server to hang up.
async fn exchange(server: &Running, bytes: impl Into<Vec<u8>>) -> (u16, String) {
    let (address, bytes) = (server.address, bytes.into());
    tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        // The server may have answered and hung up before everything is written.
        let _ = stream.write_all(&bytes);
        let mut reader = BufReader::new(stream);
        let mut status = String::new();
        reader.read_line(&mut status).expect("no answer");
        let body = read_request(&mut reader).expect("half an answer");
        (status.split_whitespace().nth(1).unwrap().parse().unwrap(), body)
    })
    .await
    .unwrap()
}

fn request(method: &str, path: &str, body: &str) -> String {
    let kind = "Content-Type: application/x-www-form-urlencoded";
    format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{kind}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

const DESCRIBE: &str = "Action=DescribeAddresses&Version=2016-11-15";

#[tokio::test]
async fn the_reference_answers_post_and_get() {
    let server = reference().await;
    let (status, body) = exchange(&server, request("POST", "/", DESCRIBE)).await;
    assert!(status == 200 && body.contains("<DescribeAddressesResponse"), "{status} {body}");
    let (status, body) = exchange(&server, format!("GET /?{DESCRIBE} HTTP/1.1\r\nHost: x\r\n\r\n")).await;
    assert!(status == 200 && body.contains("<DescribeAddressesResponse"), "{status} {body}");
}

#[tokio::test]
async fn a_request_that_announces_too_much_is_refused_before_it_is_sent() {
    let server = reference().await;
    // The body never comes.
    for announced in [MAX_REQUEST as u64 + 1, 1 << 40] {
        let head = format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {announced}\r\n\r\n");
        assert_eq!(exchange(&server, head).await.0, 413, "{announced} bytes");
    }
}

#[tokio::test]
async fn a_request_that_turns_out_too_large_is_refused() {
    let server = reference().await;
    let mut bytes = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    bytes.extend(format!("{:x}\r\n", MAX_REQUEST + 1).bytes());
    bytes.resize(bytes.len() + MAX_REQUEST + 1, b'x');
    assert_eq!(exchange(&server, bytes).await.0, 413);
}

#[tokio::test]
async fn a_request_of_the_largest_size_is_read() {
    let server = reference().await;
    let mut body = format!("{DESCRIBE}&Padding=");
    body.push_str(&"x".repeat(MAX_REQUEST - body.len()));
    let (status, answer) = exchange(&server, request("POST", "/", &body)).await;
    assert!(status != 413 && answer.contains("Response"), "{status} {answer}");
}

#[tokio::test]
async fn methods_that_the_protocol_does_not_have_are_refused() {
    let server = reference().await;
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS"] {
        assert_eq!(exchange(&server, request(method, "/", DESCRIBE)).await.0, 405, "{method}");
    }
}

#[tokio::test]
async fn there_is_nothing_at_any_other_path() {
    let server = reference().await;
    for path in ["/x", "/index.html", "/_clock", "//"] {
        assert_eq!(exchange(&server, request("POST", path, DESCRIBE)).await.0, 404, "{path}");
    }
}

#[tokio::test]
async fn the_clock_is_advanced_by_as_much_as_is_asked_for() {
    let clock = Clock::driven();
    let server = start(Reference::new(LAW.clone(), 1, clock.clone()), 0).await.unwrap();
    for seconds in ["350", "0", "0.5"] {
        let before = clock.now();
        let body = format!("{{\"seconds\": {seconds}}}");
        assert_eq!(exchange(&server, request("POST", ADVANCE, &body)).await.0, 200, "{seconds}");
        let skipped = clock.now().since(before);
        assert!(skipped >= Duration::from_secs_f64(seconds.parse().unwrap()), "{seconds}: {skipped:?}");
    }
}

#[tokio::test]
async fn the_clock_does_not_go_back_or_out_of_reach() {
    let clock = Clock::driven();
    let server = start(Reference::new(LAW.clone(), 1, clock.clone()), 0).await.unwrap();
    let wrong = ["-1", "1e300", "1e10", "null", "\"350\"", "NaN", "[]"].map(|n| format!("{{\"seconds\": {n}}}"));
    let odd = ["", "{}", "350", "{\"seconds\": 1, \"more\": 2}", "{\"seconds\": 1", "\u{0}"].map(str::to_owned);
    for body in wrong.iter().chain(&odd) {
        assert_eq!(exchange(&server, request("POST", ADVANCE, body)).await.0, 400, "{body}");
    }
    assert_eq!(exchange(&server, request("GET", ADVANCE, "")).await.0, 405);
    // Nothing of this has moved it: not even by the least of what was asked for.
    let hour = Duration::from_secs(3600);
    assert!(clock.now().since(eipcheck::model::time::Moment(0)) < hour);
}

#[tokio::test]
async fn a_clock_that_is_the_real_time_is_not_advanced() {
    let server = start(Reference::new(LAW.clone(), 1, Clock::real()), 0).await.unwrap();
    assert_eq!(exchange(&server, request("POST", ADVANCE, "{\"seconds\": 1}")).await.0, 409);
}
