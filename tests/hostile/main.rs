//! Targets that are broken or mean harm: whatever they do, a run ends in time, with a verdict, a report, little memory,
//! and without doing what they say.

#[path = "../common/mod.rs"]
mod common;
mod lockers;
mod server;

use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    path::PathBuf,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use common::text;
use lockers::Ways;
use server::{Ended, Server, page, run, run_law};

const OK: &str = "200 OK";

/// A server that cannot be used: exit code 3, and the reason on the terminal and in the report.
#[track_caller]
fn is_unusable(ended: Ended, why: &str) {
    let ended = ended.ends(3);
    let said = ended.err.replace('│', " ").split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains(why), "{}", ended.err);
    assert!(ended.reasons().contains(why), "{}", ended.reasons());
    assert!(ended.findings().is_empty());
    assert!(ended.report["rules"].as_array().unwrap().iter().all(|rule| rule["result"] == "not-reached"));
}

const NO_PROTOCOL: &str = "does not speak the protocol";

// --- Connections -------------------------------------------------------------------------------------------------------

#[test]
fn a_server_that_refuses_connections_is_unusable() {
    let url = format!("http://{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    is_unusable(run(&url), "the target refuses connections");
}

#[test]
fn a_server_that_never_answers_is_unusable_once_the_time_is_over() {
    let silent = Server::new(|_, _| {
        loop {
            thread::park();
        }
    });
    is_unusable(run(&silent.url), "no complete answer within 300ms");
}

#[test]
fn a_server_that_answers_one_byte_at_a_time_is_not_waited_for() {
    let slow = Server::new(|_, stream| {
        for byte in page(OK, "", "x".repeat(10_000)) {
            stream.write_all(&[byte])?;
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    });
    is_unusable(run(&slow.url), "no complete answer within 300ms");
}

#[test]
fn a_connection_that_ends_in_the_middle_carries_no_answer() {
    for part in ["", "HTTP/1.1 200 OK\r\nContent-Le", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n<half"] {
        is_unusable(run(&Server::saying(part).url), "the connection ended before the answer was complete");
    }
}

#[test]
fn an_endless_answer_is_not_read_to_its_end() {
    let endless = Server::new(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
        let chunk = vec![b'x'; 1 << 20];
        // A gibibyte, if anybody reads it.
        (0..1024).try_for_each(|_| stream.write_all(&chunk))
    });
    is_unusable(run_law("lockers", &endless.url, &["--timeout", "20s"]), "the answer is larger than");
}

#[test]
fn headers_without_end_are_no_answer() {
    let endless = Server::new(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
        (0..1 << 20).try_for_each(|number| write!(stream, "x-{number}: {}\r\n", "y".repeat(1000)))
    });
    is_unusable(run_law("lockers", &endless.url, &["--timeout", "20s"]), "what came is not HTTP");
}

#[test]
fn a_length_that_is_wrong_makes_no_answer() {
    let long = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1000\r\n\r\n<a></a>";
    is_unusable(run(&Server::saying(long).url), "the connection ended before the answer was complete");
    let short = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n<a></a>HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    is_unusable(run(&Server::saying(short).url), NO_PROTOCOL);
    let none = "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n<a></a>";
    is_unusable(run(&Server::saying(none).url), "what came is not HTTP");
}

#[test]
fn a_redirect_is_followed_nowhere() {
    let elsewhere = Server::saying(page(OK, "", ""));
    let to = format!("Location: {}/\r\n", elsewhere.url);
    for (status, location) in [("302 Found", "Location: /\r\n"), ("307 Temporary Redirect", &to)] {
        let server = Server::showing(status, location, "");
        is_unusable(run(&server.url), NO_PROTOCOL);
        assert!((1..200).contains(&server.connections()), "{} connections", server.connections());
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_not_trusted() {
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
    let certificate = CertificateDer::from_pem_slice(include_bytes!("cert.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("key.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(builder.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap());
    let got = Arc::new(AtomicUsize::new(0));
    let count = got.clone();
    let server = Server::raw(move |stream| {
        let connection = rustls::ServerConnection::new(config.clone()).unwrap();
        let mut stream = rustls::StreamOwned::new(connection, stream);
        let mut byte = [0];
        count.fetch_add(stream.read(&mut byte).unwrap_or(0), Ordering::SeqCst);
    });
    for host in ["127.0.0.1", "localhost"] {
        let url = server.url.replace("http://127.0.0.1", &format!("https://{host}"));
        is_unusable(run_law("lockers", &url, &["--timeout", "10s"]), "the target cannot be reached");
    }
    assert!(server.connections() > 0);
    assert_eq!(got.load(Ordering::SeqCst), 0, "something was sent");
    // Nor is a server that does not speak it at all.
    let plain = Server::showing(OK, "", "<a></a>");
    is_unusable(run(&plain.url.replace("http:", "https:")), "the target cannot be reached");
}

// --- Bodies ------------------------------------------------------------------------------------------------------------

/// Bodies that are no answer of the protocol, of either kind.
fn bodies() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let entities = (0..20).fold("<!ENTITY a0 'aaaaaaaaaaaaaaaa'>".to_owned(), |all, n| {
        format!("{all}<!ENTITY a{} '{}'>", n + 1, format!("&a{n};").repeat(10))
    });
    let laughs = format!("<!DOCTYPE r [{entities}]><Response><Code>&a20;</Code></Response>");
    let file = "<!DOCTYPE r [<!ENTITY f SYSTEM 'file:///etc/hostname'>]><Response><Code>&f;</Code></Response>";
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    (0..256).for_each(|_| bomb.write_all(&[0; 1 << 20]).unwrap());
    let deep = |n: usize| "<a>".repeat(n) + &"</a>".repeat(n);
    vec![
        ("entities that grow", "text/xml", laughs.into()),
        ("an entity from a file", "text/xml", file.into()),
        ("a gzip bomb", "text/xml\r\nContent-Encoding: gzip", bomb.finish().unwrap()),
        ("a million elements within one another", "text/xml", "<a>".repeat(1_000_000).into()),
        ("elements too deep", "text/xml", deep(100_000).into()),
        ("arrays within one another", "application/json", "[".repeat(1_000_000).into()),
        ("objects within one another", "application/json", "{\"Code\":".repeat(500_000).into()),
        ("the same key over and over", "application/json", b"{\"Code\":\"a\",\"Code\":\"b\",\"Code\":{}}".into()),
        ("no UTF-8", "text/xml", b"<Response>\xff\xfe\xc0\x80</Response>".into()),
        ("no characters", "text/xml", b"<Response>\0\0\0</Response>\0".into()),
        ("a page", "text/html", b"<html><body>Welcome<br></body></html>".into()),
        ("a page with a script", "text/html", b"<script>alert(1)</script>".into()),
        ("nothing", "text/xml", Vec::new()),
    ]
}

#[test]
fn a_body_that_is_no_answer_of_the_protocol_is_none() {
    for (what, kind, body) in bodies() {
        for (law, status) in [("lockers", OK), ("parcels", "400 Bad Request")] {
            let server = Server::showing(status, &format!("Content-Type: {kind}\r\n"), &body);
            let ended = run_law(law, &server.url, &["--timeout", "10s"]);
            assert_eq!(ended.code, Some(3), "{what}, {law}: {}", ended.err);
            is_unusable(ended, NO_PROTOCOL);
        }
    }
}

#[test]
fn a_number_that_no_number_type_holds_is_a_wrong_value() {
    let number =
        format!("<OpenLockerResponse><locker><size>{}</size></locker></OpenLockerResponse>", "9".repeat(3 << 20));
    let ended = run_law("lockers", &Server::showing(OK, "", number).url, &["--timeout", "10s"]).ends(1);
    assert!(!ended.findings().is_empty());
    assert!(!ended.out.contains(&"9".repeat(10_000)), "all of it was printed");
}

#[test]
fn a_body_that_is_too_large_is_not_kept() {
    let digits = Server::new(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n<Response><Code>")?;
        (0..100).try_for_each(|_| stream.write_all(&[b'9'; 1 << 20]))
    });
    is_unusable(run_law("lockers", &digits.url, &["--timeout", "20s"]), "the answer is larger than");
}

// --- Answers -----------------------------------------------------------------------------------------------------------

/// A server of lockers behind something that bends its answers: `bend` is given the number of the request, the answer, and
/// the one before it.
fn bent(bend: impl Fn(usize, Vec<u8>, &[u8]) -> Vec<u8> + Send + Sync + 'static) -> Server {
    guarded(|_| None, bend)
}

/// The same behind something that answers some requests itself, by their numbers: those never get there.
fn guarded(
    turns_away: impl Fn(usize) -> Option<Vec<u8>> + Send + Sync + 'static,
    bend: impl Fn(usize, Vec<u8>, &[u8]) -> Vec<u8> + Send + Sync + 'static,
) -> Server {
    let behind = lockers::serve(Ways::default());
    let address = behind.url.strip_prefix("http://").unwrap().to_owned();
    let state = std::sync::Mutex::new((0, Vec::new()));
    Server::new(move |asked, stream| {
        let mut state = state.lock().unwrap();
        state.0 += 1;
        if let Some(answer) = turns_away(state.0) {
            return stream.write_all(&answer);
        }
        let mut behind = std::net::TcpStream::connect(&address)?;
        write!(behind, "{}\r\n{}", asked.head, asked.body)?;
        let mut answer = Vec::new();
        behind.read_to_end(&mut answer)?;
        let bent = bend(state.0, answer.clone(), &state.1);
        state.1 = answer;
        stream.write_all(&bent)
    })
}

#[test]
fn a_server_that_does_what_the_law_says_conforms_whatever_it_calls_its_answers() {
    let ended = run(&lockers::serve(Ways::default()).url).ends(0);
    assert!(ended.report["totals"]["judged"].as_u64().unwrap() > 20, "{}", ended.report["totals"]);
    // So it is known that memory is measured at all, where that is possible.
    assert!(ended.peak > 1024 || !cfg!(target_os = "linux"), "{}", ended.peak);
    let html = |_, answer: Vec<u8>, _: &[u8]| {
        String::from_utf8(answer).unwrap().replacen("\r\n", "\r\nContent-Type: text/html; charset=x\r\n", 1).into()
    };
    run(&bent(html).url).ends(0);
}

#[test]
fn a_server_that_breaks_down_half_of_the_time_is_found_out_or_not_judged_but_never_taken_for_conforming() {
    let oops = |number: usize, answer, _: &[u8]| {
        if number.is_multiple_of(2) { page("500 Oops", "", "<html>oops</html>") } else { answer }
    };
    let ended = run(&bent(oops).url);
    assert!(matches!(ended.code, Some(1 | 3 | 4)), "{:?} {}", ended.code, ended.out);
    assert!(ended.code != Some(1) || !ended.findings().is_empty());
}

#[test]
fn a_server_that_asks_for_patience_is_given_some_and_not_blamed() {
    let cases = [
        ("429 Too Many Requests", ""),
        ("503 Service Unavailable", ""),
        ("429 Too Many Requests", "Retry-After: 0\r\n"),
        ("503 Service Unavailable", "Retry-After: 31536000\r\n"),
        ("503 Service Unavailable", "Retry-After: 99999999999999999999\r\n"),
        ("429 Too Many Requests", "Retry-After: -1\r\n"),
        ("503 Service Unavailable", "Retry-After: Fri, 31 Dec 9999 23:59:59 GMT\r\n"),
    ];
    let is_given_some = |status: &'static str, headers: &'static str| {
        is_unusable(run(&Server::showing(status, headers, "busy").url), NO_PROTOCOL);
        let now_and_then = move |number: usize| (number % 5 == 4).then(|| page(status, headers, "busy"));
        let server = guarded(now_and_then, |_, answer, _| answer);
        is_not_blamed(run_law("lockers", &server.url, &["--clients", "1"]));
    };
    // Each of them mostly waits.
    thread::scope(|all| {
        for (status, headers) in cases {
            all.spawn(move || is_given_some(status, headers));
        }
    });
}

#[test]
fn a_gateway_that_answers_in_the_targets_place_is_not_blamed_whether_the_request_was_done_or_not() {
    for status in ["502 Bad Gateway", "503 Service Unavailable", "504 Gateway Timeout"] {
        for of in [5, 7, 11] {
            let not_done = move |number: usize| (number % of == 3).then(|| page(status, "", "upstream"));
            is_not_blamed(run_law("lockers", &guarded(not_done, |_, answer, _| answer).url, &["--clients", "1"]));
            let numbers = AtomicUsize::new(0);
            let done = move |_, answer: Vec<u8>, _: &[u8]| match numbers.fetch_add(1, Ordering::Relaxed) % of {
                4 => page(status, "", "upstream"),
                _ => answer,
            };
            is_not_blamed(run_law("lockers", &guarded(not_done, done).url, &["--clients", "1"]));
        }
    }
}

fn is_not_blamed(ended: Ended) {
    assert!(matches!(ended.code, Some(0 | 4)), "{:?}\n{}", ended.code, ended.out);
    assert!(ended.findings().is_empty(), "{:?}", ended.findings());
}

#[test]
fn an_answer_to_another_request_is_a_violation() {
    let late = |_, answer: Vec<u8>, before: &[u8]| if before.is_empty() { answer } else { before.to_vec() };
    let ended = run_law("lockers", &bent(late).url, &["--clients", "1"]);
    assert!(matches!(ended.code, Some(1 | 3)), "{:?}\n{}", ended.code, ended.out);
    assert!(ended.code == Some(3) || !ended.findings().is_empty());
}

#[test]
fn ids_that_change_between_looks_are_a_violation() {
    let ended = run(&lockers::serve(Ways { unstable: true, ..Ways::default() }).url).ends(1);
    assert!(ended.findings().contains(&"ShowLockers.Lockers"), "{:?}", ended.findings());
}

// --- Texts -------------------------------------------------------------------------------------------------------------

/// What a terminal, a browser and a shell would obey.
const EVIL: &str = "\u{1b}]0;gone\u{7}\u{1b}[2J\u{9b}31m\u{202e}<script>alert(1)</script>';touch canary;'\";touch canary;\"\
    $(touch canary)`touch canary`|touch canary&touch canary\\\n;touch canary;${IFS}#%s%n{{endpoint}}\u{e000}x\u{e001}@/etc/passwd";
/// The same without what XML cannot hold.
const WRITABLE: &str = "\u{9b}31m\u{202e}<script>alert(1)</script>';touch canary;'\";touch canary;\"\
    $(touch canary)`touch canary`|touch canary&touch canary\\;touch canary;${IFS}\ntouch canary\n#%s%n{{endpoint}}\u{e000}x\u{e001}@/etc/passwd";

/// True if a text holds what a terminal obeys.
fn is_obeyed(text: &str) -> bool {
    text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t') || ('\u{202a}'..='\u{202e}').contains(&c))
}

/// The files of the folders of findings, by their name.
fn of_findings(ended: &Ended, name: &str) -> Vec<PathBuf> {
    let folders = fs::read_dir(ended.folder.path().join("findings")).unwrap();
    folders.map(|folder| folder.unwrap().path().join(name)).filter(|path| path.exists()).collect()
}

#[test]
fn nothing_that_a_target_says_talks_to_a_terminal() {
    for text in [EVIL, WRITABLE] {
        let everything = Server::showing("500 Oops", "", text);
        let ended = run(&everything.url).ends(3);
        assert!(ended.err.contains("gone") || ended.err.contains("31m"), "it is not shown at all: {}", ended.err);
        assert!(!is_obeyed(&ended.err) && !is_obeyed(&ended.out), "{:?}", ended.err);
    }
    let ended = run(&lockers::serve(Ways { id: WRITABLE, message: WRITABLE, unstable: false }).url).ends(1);
    assert!(ended.out.contains("touch canary"), "{}", ended.out);
    assert!(!is_obeyed(&ended.err) && !is_obeyed(&ended.out), "{:?}", ended.out);
    for name in ["README.txt", "exchange.txt", "curl.sh", "aws_cli.sh", "with_boto3.py", "test_finding.py"] {
        let files = of_findings(&ended, name);
        assert!(!files.is_empty(), "no {name}");
        for file in files {
            let text = fs::read_to_string(&file).unwrap();
            assert!(!is_obeyed(&text), "{}: {text:?}", file.display());
        }
    }
    let out = text(ended.folder.path());
    for args in [vec!["report", &out], vec!["clean", &out]] {
        let said = common::ask(&args);
        assert!(!is_obeyed(&said.out) && !is_obeyed(&said.err), "{:?} {:?}", said.out, said.err);
    }
}

#[test]
fn a_script_runs_nothing_that_a_target_says() {
    let server = lockers::serve(Ways { id: WRITABLE, message: WRITABLE, unstable: false });
    let ended = run(&server.url).ends(1);
    let folder = tempfile::tempdir().unwrap();
    let run_in = |program: &str, args: &[&str]| {
        let mut command = Command::new(program);
        command.args(args).current_dir(folder.path()).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        command.output().unwrap()
    };
    let scripts = of_findings(&ended, "curl.sh");
    assert!(scripts.len() > 1, "{scripts:?}");
    let mut broken = 0;
    for script in scripts {
        let output = run_in("bash", &[&text(&script), &server.url]);
        broken += usize::from(output.status.code() == Some(1));
        for said in [output.stdout, output.stderr] {
            assert!(!is_obeyed(&String::from_utf8(said).unwrap()), "{}", script.display());
        }
        assert!(matches!(output.status.code(), Some(0..=2)), "{}", script.display());
    }
    assert!(broken > 0, "no script got as far as the broken rule");
    // The scripts for other tools at least mean the same to the shell that reads them.
    for script in of_findings(&ended, "aws_cli.sh") {
        let mut command = Command::new("bash");
        command.arg(&script).arg(&server.url).current_dir(folder.path()).env("AWS", "echo").output().unwrap();
    }
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(left.is_empty(), "something was run: {left:?}");
}
