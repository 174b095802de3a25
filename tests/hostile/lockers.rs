//! A server of lockers whose answers can be bent: it does what the law says, with ids and messages of one's choice.

use std::{collections::BTreeMap, sync::Mutex};

use crate::server::{Asked, Server, page};

/// What a server does differently.
#[derive(Clone, Copy, Default)]
pub struct Ways {
    /// What stands in an id after `locker-` and the number.
    pub id: &'static str,
    /// What stands in every message, and after the code of some errors.
    pub message: &'static str,
    /// True if a locker has another id each time it is shown.
    pub unstable: bool,
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The server.
pub fn serve(ways: Ways) -> Server {
    let state: Mutex<(u32, BTreeMap<String, String>)> = Mutex::default();
    Server::new(move |asked, stream| {
        let answer = answer(&mut state.lock().unwrap(), asked, ways);
        std::io::Write::write_all(stream, &answer)
    })
}

fn answer((count, open): &mut (u32, BTreeMap<String, String>), asked: &Asked, ways: Ways) -> Vec<u8> {
    *count += 1;
    let done = |operation: &str, inner: String| {
        let head = format!("<{operation}Response xmlns=\"http://lockers.example/\"><requestId>{count}</requestId>");
        page("200 OK", "", format!("{head}{inner}</{operation}Response>"))
    };
    let refused = |code: &str| {
        let error = format!("<Code>{}</Code><Message>{}</Message>", escaped(code), escaped(ways.message));
        let body =
            format!("<Response><Errors><Error>{error}</Error></Errors><RequestID>{count}</RequestID></Response>");
        page("400 Bad Request", "", body)
    };
    let shown = |id: &str, size: &str| format!("<lockerId>{}</lockerId><size>{size}</size>", escaped(id));
    match asked.parameter("Action").as_deref() {
        Some("OpenLocker") => {
            let size = asked.parameter("Size").unwrap_or_else(|| "3".into());
            match size.parse::<i64>() {
                Ok(1..=9) => {}
                Ok(_) => return refused("LockerTooLarge"),
                Err(_) => return refused("BadRequest"),
            }
            let id = format!("locker-{count:08x}{}", ways.id);
            open.insert(id.clone(), size.clone());
            done("OpenLocker", format!("<locker>{}</locker>", shown(&id, &size)))
        }
        Some("ShowLockers") => {
            let all = (1..).map_while(|n| asked.parameter(&format!("LockerId.{n}"))).collect::<Vec<_>>();
            if all.iter().any(|id| !open.contains_key(id)) {
                return refused("LockerNotFound");
            }
            let wanted = open.iter().filter(|(id, _)| all.is_empty() || all.contains(id));
            let again =
                |id: &str| if ways.unstable { format!("locker-{:08x}", *count + 0x7000_0000) } else { id.to_owned() };
            let items = wanted.map(|(id, size)| format!("<item>{}</item>", shown(&again(id), size)));
            done("ShowLockers", format!("<lockerSet>{}</lockerSet>", items.collect::<String>()))
        }
        Some("CloseLocker") => match asked.parameter("LockerId") {
            None => refused("LockerMissing"),
            Some(id) if !open.contains_key(&id) => refused(&format!("LockerNotFound{}", ways.message)),
            Some(id) => {
                let heavy = open[&id].parse::<i64>().is_ok_and(|size| size > 5);
                match asked.parameter("Gently").as_deref() {
                    Some("true") if heavy => refused(&format!("LockerTooHeavy{}", ways.message)),
                    Some("true" | "false") | None => {
                        open.remove(&id);
                        done("CloseLocker", String::new())
                    }
                    Some(_) => refused("BadRequest"),
                }
            }
        },
        _ => refused("NoSuchOperation"),
    }
}
