//! A broker of a few lines that answers to each message as a test wants it: late, in another order, with any reason, or not at all.
#![allow(dead_code, unreachable_pub)]

use std::{
    collections::HashSet,
    io::{self, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use serde_json::Value;

/// An event as it has arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The session's number, from 1 on.
    pub session: usize,
    pub id: String,
    pub sequence: u64,
}

/// What is done with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is acknowledged with this reason; 0 is success.
    Reason(u8),
    /// It waits until it is [released](FakeBroker::release).
    Later,
    /// What was answered is sent, then the connection ends.
    HangUp,
}

type Answers = dyn Fn(&Arrival, &Seen) -> Answer + Send + Sync;

/// What has arrived so far, and is acknowledged.
#[derive(Default)]
pub struct Seen {
    pub arrivals: Vec<Arrival>,
    /// The arrivals' ids whose acknowledgement with success was written.
    pub taken: HashSet<String>,
    later: Vec<(Arrival, u16, TcpStream)>,
    /// Messages of the present session that are not answered, and the most that were.
    pub open: usize,
    pub most_open: usize,
    sessions: usize,
}

impl Seen {
    /// How often an event has arrived.
    pub fn times(&self, id: &str) -> usize {
        self.arrivals.iter().filter(|arrival| arrival.id == id).count()
    }
}

/// A broker on a port of its own.
pub struct FakeBroker {
    pub port: u16,
    seen: Arc<Mutex<Seen>>,
}

impl FakeBroker {
    pub fn start(answers: impl Fn(&Arrival, &Seen) -> Answer + Send + Sync + 'static) -> Self {
        Self::with(None, answers)
    }

    /// One that says in its answer to a login how many messages it wants unanswered at most.
    pub fn with(
        receive_maximum: Option<u16>,
        answers: impl Fn(&Arrival, &Seen) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let broker = Self { port: listener.local_addr().unwrap().port(), seen: Arc::default() };
        let (seen, answers) = (Arc::clone(&broker.seen), Arc::<Answers>::from(Box::new(answers) as Box<Answers>));
        thread::spawn(move || {
            for line in listener.incoming().map_while(Result::ok) {
                let (seen, answers) = (Arc::clone(&seen), Arc::clone(&answers));
                // A line that breaks is the end of a session.
                thread::spawn(move || drop(serve(line, receive_maximum, &seen, &*answers)));
            }
        });
        broker
    }

    pub fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    pub fn see<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        look(&self.seen.lock().unwrap())
    }

    /// Acknowledges messages that wait, those that are wanted, in the order in which they came. Answers how many.
    pub fn release(&self, mut wanted: impl FnMut(&Arrival) -> bool) -> usize {
        let mut seen = self.seen.lock().unwrap();
        let waiting = std::mem::take(&mut seen.later).into_iter();
        let (now, later): (Vec<_>, Vec<_>) = waiting.partition(|(arrival, ..)| wanted(arrival));
        seen.later = later;
        let count = now.len();
        for (arrival, packet, mut line) in now {
            acknowledge(&mut line, packet, 0, &arrival, &mut seen);
        }
        count
    }
}

fn acknowledge(line: &mut TcpStream, packet: u16, reason: u8, arrival: &Arrival, seen: &mut Seen) {
    let [high, low] = packet.to_be_bytes();
    let _ = line.write_all(&[0x40, 3, high, low, reason]);
    seen.open = seen.open.saturating_sub(1);
    if reason == 0 {
        seen.taken.insert(arrival.id.clone());
    }
}

fn serve(mut line: TcpStream, receive_maximum: Option<u16>, seen: &Mutex<Seen>, answers: &Answers) -> io::Result<()> {
    line.set_nodelay(true)?;
    let mut session = 0;
    loop {
        let (kind, body) = packet(&mut line)?;
        match kind >> 4 {
            1 => {
                let mut seen = seen.lock().unwrap();
                seen.sessions += 1;
                seen.open = 0;
                session = seen.sessions;
                let properties = receive_maximum.map(|most| [&[0x21_u8][..], &most.to_be_bytes()].concat());
                let properties = properties.unwrap_or_default();
                let length = u8::try_from(properties.len()).unwrap();
                line.write_all(&[&[0x20, 3 + length, 0, 0, length], &properties[..]].concat())?;
            }
            3 => {
                // The length of the topic, the topic, the packet's id, no properties, the event.
                let topic = usize::from(u16::from_be_bytes([body[0], body[1]]));
                let packet = u16::from_be_bytes([body[2 + topic], body[3 + topic]]);
                let event: Value = serde_json::from_slice(&body[5 + topic..]).unwrap_or_default();
                let text = |member: &str| event[member].as_str().unwrap_or_default().to_owned();
                let arrival =
                    Arrival { session, id: text("id"), sequence: text("sequence").parse().unwrap_or_default() };
                let mut seen = seen.lock().unwrap();
                if !String::from_utf8_lossy(&body[2..2 + topic]).contains("/events/") {
                    // States and availability are nobody's business here.
                    let [high, low] = packet.to_be_bytes();
                    line.write_all(&[0x40, 2, high, low])?;
                    continue;
                }
                seen.arrivals.push(arrival.clone());
                seen.open += 1;
                seen.most_open = seen.most_open.max(seen.open);
                match answers(&arrival, &seen) {
                    Answer::Reason(reason) => acknowledge(&mut line, packet, reason, &arrival, &mut seen),
                    Answer::Later => seen.later.push((arrival, packet, line.try_clone()?)),
                    Answer::HangUp => {
                        seen.later.retain(|(arrival, ..)| arrival.session != session);
                        line.shutdown(Shutdown::Write)?;
                        drop(seen);
                        // What was written arrives: nothing is left unread that would reset the line.
                        return io::copy(&mut line, &mut io::sink()).map(drop);
                    }
                }
            }
            // A subscription: the packet's id comes first.
            8 => line.write_all(&[0x90, 4, body[0], body[1], 0, 0])?,
            12 => line.write_all(&[0xD0, 0])?,
            14 => return Ok(()),
            _ => {}
        }
    }
}

/// The next packet: its first byte, and what follows its length.
fn packet(line: &mut TcpStream) -> io::Result<(u8, Vec<u8>)> {
    let mut byte = [0];
    line.read_exact(&mut byte)?;
    let kind = byte[0];
    let (mut length, mut shift) = (0_usize, 0);
    loop {
        line.read_exact(&mut byte)?;
        length |= usize::from(byte[0] & 0x7F) << shift;
        shift += 7;
        if byte[0] & 0x80 == 0 {
            break;
        }
    }
    let mut body = vec![0; length];
    line.read_exact(&mut body)?;
    Ok((kind, body))
}
