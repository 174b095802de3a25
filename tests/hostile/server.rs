//! Servers that misbehave, on threads of their own for as long as the test runs, and the program set on one of them.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::common::{eipcheck, listen, lockers, text};

/// Longer than any run here may last: whoever has to be killed hangs.
const HANGS: Duration = Duration::from_secs(120);
/// The most memory that a run may take, in KiB.
const MOST_MEMORY: u64 = 256 * 1024;

/// A request.
pub struct Asked {
    pub head: String,
    pub body: String,
}

impl Asked {
    /// The value of a parameter.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let pairs = url::form_urlencoded::parse(self.body.as_bytes());
        pairs.into_owned().find(|(n, _)| n == name).map(|(_, value)| value)
    }
}

/// A server; counts its connections.
pub struct Server {
    pub url: String,
    connections: Arc<AtomicUsize>,
}

impl Server {
    /// Hands each connection to `handle`, on a thread of its own.
    pub fn raw(handle: impl Fn(TcpStream) + Send + Sync + 'static) -> Server {
        let (url, connections) = listen(handle);
        Server { url, connections }
    }

    /// Reads a request of each connection, and lets `answer` write what it likes.
    pub fn new(answer: impl Fn(&Asked, &mut TcpStream) -> std::io::Result<()> + Send + Sync + 'static) -> Server {
        Server::raw(move |stream| {
            let mut reader = BufReader::new(stream);
            if let Some(asked) = read(&mut reader) {
                // A client that has heard enough hangs up.
                let _ = answer(&asked, reader.get_mut());
            }
        })
    }

    /// Answers everything with the same bytes.
    pub fn saying(answer: impl Into<Vec<u8>>) -> Server {
        let answer = answer.into();
        Server::new(move |_, stream| stream.write_all(&answer))
    }

    /// Answers everything with the same body, in a sound frame.
    pub fn showing(status: &str, headers: &str, body: impl AsRef<[u8]>) -> Server {
        Server::saying(page(status, headers, body))
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

pub fn page(status: &str, headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Asked> {
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        head += &line;
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Asked { head, body: String::from_utf8(body).ok()? })
}

/// What came of a run.
pub struct Ended {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
    pub report: Value,
    /// The most memory that it was seen to have, in KiB.
    pub peak: u64,
    pub folder: TempDir,
}

impl Ended {
    /// Why nothing, or not everything, could be judged.
    pub fn reasons(&self) -> String {
        self.report["indeterminate"].to_string()
    }

    pub fn findings(&self) -> Vec<&str> {
        self.report["findings"].as_array().unwrap().iter().map(|f| f["rule"].as_str().unwrap()).collect()
    }

    #[track_caller]
    pub fn ends(self, code: i32) -> Ended {
        let findings = self.findings();
        assert_eq!(self.code, Some(code), "{findings:?} {}\n{}\n{}", self.reasons(), self.out, self.err);
        self
    }
}

/// A run of a law against a server, within narrow limits. Fails if it hangs, panics, takes too much memory or leaves no
/// report.
#[track_caller]
pub fn run_law(law: &str, url: &str, more: &[&str]) -> Ended {
    let folder = tempfile::tempdir().unwrap();
    let specs = lockers().with_file_name(law);
    let mut command = eipcheck(&["run", url, "--specs", &text(&specs), "--out", &text(folder.path())]);
    let narrow = [("--timeout", "300ms"), ("--patience", "300ms"), ("--max-time", "3s"), ("--max-requests", "80")];
    for (option, value) in narrow.into_iter().filter(|(option, _)| !more.contains(option)) {
        command.args([option, value]);
    }
    command.args(["--shrink", "10", "--jobs", "2", "--seed", "1"]).args(more);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let drain = |mut from: Box<dyn Read + Send>| {
        thread::spawn(move || {
            let mut text = Vec::new();
            from.read_to_end(&mut text).unwrap();
            String::from_utf8(text).unwrap()
        })
    };
    let (out, err) = (drain(Box::new(child.stdout.take().unwrap())), drain(Box::new(child.stderr.take().unwrap())));
    let (began, mut peak) = (Instant::now(), 0);
    let status = loop {
        peak = peak.max(peak_memory(child.id()));
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if began.elapsed() > HANGS {
            child.kill().unwrap();
            panic!("it hangs: {}", err.join().unwrap());
        }
        thread::sleep(Duration::from_millis(5));
    };
    let (out, err) = (out.join().unwrap(), err.join().unwrap());
    assert!(!err.contains("panicked"), "{err}");
    assert!(peak < MOST_MEMORY, "it took {peak} KiB");
    let report = fs::read(folder.path().join("report.json")).unwrap_or_else(|_| panic!("no report\n{out}\n{err}"));
    let report = serde_json::from_slice(&report).unwrap();
    Ended { code: status.code(), out, err, report, peak, folder }
}

#[track_caller]
pub fn run(url: &str) -> Ended {
    run_law("lockers", url, &[])
}

/// The most memory that a process has had so far, in KiB; 0 where that is not told.
fn peak_memory(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|peak| peak.trim().trim_end_matches("kB").trim().parse().ok()).unwrap_or(0)
}
