//! Something between eipcheck and a reference server that does not pass on everything as it is.

// Not every test file that includes this uses all of it.
#![allow(dead_code)]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// A request as the proxy sees it.
pub struct Passing {
    pub path: String,
    pub body: String,
}

impl Passing {
    /// True if it asks for an operation that only reads.
    pub fn reads(&self) -> bool {
        self.body.contains("Action=Describe")
    }

    pub fn asks_for(&self, operation: &str) -> bool {
        self.body.split('&').any(|part| part == format!("Action={operation}"))
    }
}

/// What becomes of a request.
pub enum Fate {
    /// The server's answer, or another one, goes back.
    Answer(String),
    /// The connection ends without an answer.
    Silence,
}

/// A proxy on a thread of its own, for as long as the test runs.
pub struct Proxy {
    pub url: String,
}

impl Proxy {
    /// `bend` gets each request, and a way to have it answered by the server, once or several times or not at all.
    pub fn new(server: &str, bend: impl FnMut(&Passing, &mut dyn FnMut() -> String) -> Fate + Send + 'static) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = server.strip_prefix("http://").unwrap().to_owned();
        let bend = Arc::new(Mutex::new(bend));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (server, bend) = (server.clone(), bend.clone());
                thread::spawn(move || {
                    let mut reader = BufReader::new(stream);
                    let Some((head, passing)) = read(&mut reader) else { return };
                    let fate = bend.lock().unwrap()(&passing, &mut || ask(&server, &head, &passing.body));
                    if let Fate::Answer(answer) = fate {
                        // A client that has heard enough hangs up. The answer says that the connection ends, and so it does.
                        let _ = reader.get_mut().write_all(answer.as_bytes());
                    }
                });
            }
        });
        Proxy { url }
    }
}

/// The head and the rest of the next request.
fn read(reader: &mut BufReader<TcpStream>) -> Option<(String, Passing)> {
    let (mut head, mut length, mut line) = (String::new(), 0, String::new());
    loop {
        line.clear();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
        if !lower.starts_with("connection:") {
            head.push_str(&line);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let path = head.split(' ').nth(1).unwrap().to_owned();
    Some((head, Passing { path, body: String::from_utf8(body).unwrap() }))
}

/// The server's answer, with its head.
fn ask(server: &str, head: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(server).unwrap();
    write!(stream, "{head}Connection: close\r\n\r\n{body}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// An answer with another status and body.
pub fn answer(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n{body}")
}

/// An answer without the id of its request, which is another one each time.
pub fn without_id(answer: &str) -> String {
    let body = answer.split_once("\r\n\r\n").unwrap().1;
    let (before, rest) = body.split_once("<requestId>").unwrap();
    format!("{before}{}", rest.split_once("</requestId>").unwrap().1)
}

/// An older answer that pretends to be the answer to a later request: with that one's id and date.
pub fn with_id_of(older: &str, newer: &str) -> String {
    let id =
        |answer: &str| answer.split_once("<requestId>").unwrap().1.split_once("</requestId>").unwrap().0.to_owned();
    older.replace(&id(older), &id(newer))
}
