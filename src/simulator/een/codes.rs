//! The four-letter events: their words, and the fields that they carry (Eagle Eye API, poll service, event objects).
//!
//! What the values of fields mean is not documented, so they are only of the right type. Ids are unsigned, but written as signed 32 bits, so
//! that about half of them are negative.

use std::fmt::{self, Write};

use super::{
    esn::Esn,
    stamp::{self, Millis},
};
use crate::simulator::common::rng::Rng;

/// A four-letter code, as bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Code(pub(super) [u8; 4]);

impl Code {
    /// Any four capital letters and digits: codes that are not documented may be asked for as well.
    pub(super) fn read(text: &str) -> Option<Self> {
        let bytes: [u8; 4] = text.as_bytes().try_into().ok()?;
        bytes.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()).then_some(Self(bytes))
    }

    /// A code that is written here.
    pub(super) const fn of(bytes: &[u8; 4]) -> Self {
        Self(*bytes)
    }

    /// Start, end and heartbeat of one thing begin with the same two letters, and carry the same ids.
    fn family(self) -> [u8; 2] {
        [self.0[0], self.0[1]]
    }
}

impl fmt::Display for Code {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| out.write_char(char::from(*byte)))
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{self}")
    }
}

/// One occurrence of an event. Its fields follow from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Coded {
    pub(super) code: Code,
    pub(super) at: Millis,
    /// Counts what the ids tell apart: start and end of one motion have the same.
    pub(super) nth: u32,
    /// The device, account or user that is created, deleted or changed.
    pub(super) about: Option<Esn>,
}

struct Spec {
    code: &'static [u8; 4],
    words: &'static str,
    /// After `timestamp` and `cameraid`, with a blank between them.
    fields: &'static str,
}

const fn spec(code: &'static [u8; 4], words: &'static str, fields: &'static str) -> Spec {
    Spec { code, words, fields }
}

const SPECS: &[Spec] = &[
    spec(b"VRES", "Video Recording Start", "videoid format status"),
    spec(b"VREE", "Video Recording End", "videoid videosize format status"),
    spec(b"VRKF", "Video Key Frame", "videoid file_offset format"),
    spec(b"EAES", "Always Recording Start", "videoid eventid"),
    spec(b"EAEE", "Always Recording End", "eventid"),
    spec(b"ESES", "Requested Stream Start", "videoid eventid"),
    spec(b"ESEE", "Requested Stream End", "eventid"),
    spec(b"EVVS", "Video Swap", "videoid eventid"),
    spec(b"EMES", "Motion Start", "videoid eventid"),
    spec(b"EMEE", "Motion End", "eventid"),
    spec(b"EMEU", "Motion Heartbeat", "videoid eventid"),
    spec(b"MRBX", "Motion Boxes", "boxes"),
    spec(b"MRSZ", "Motion Size", "flags motion"),
    spec(b"ROMS", "Region Motion Start", "roiid videoid eventid"),
    spec(b"ROME", "Region Motion End", "eventid"),
    spec(b"ROMU", "Region Motion Heartbeat", "roiid videoid eventid"),
    spec(b"ALMS", "Motion Alert Start", "eventid alertid alertmotionid"),
    spec(b"ALME", "Motion Alert End", "alertmotionid"),
    spec(b"ALRS", "Region Alert Start", "eventid alertid alertroiid"),
    spec(b"ALRE", "Region Alert End", "alertroiid"),
    spec(b"PRTH", "Thumbnail", "previewid eventid file_offset frame_size"),
    spec(b"PRFR", "Preview Frame", "previewid file_offset frame_size"),
    spec(b"PRFB", "Preview Backing", "previewid file_offset frame_size"),
    spec(b"AEDA", "Device Alert", "status deviceid source_userid source_accountid values"),
    spec(b"AEDN", "Device Alert Notification", "status target_deviceid triggerid starttime endtime target_userid json"),
    spec(b"AEDC", "Device Created", "status deviceid source_userid source_accountid"),
    spec(b"AEDD", "Device Deleted", "status deviceid source_userid source_accountid"),
    spec(b"AEDH", "Device Changed", "status deviceid source_userid source_accountid values"),
    spec(b"AEDO", "Video Download", "status source_userid source_accountid resource_type deviceid endtime"),
    spec(b"AEAC", "Account Created", "status new_accountid source_userid source_accountid"),
    spec(b"AEAD", "Account Deleted", "status new_accountid source_userid source_accountid"),
    spec(b"AEAH", "Account Changed", "status new_accountid source_userid source_accountid values"),
    spec(b"AELI", "Login", "status source_userid"),
    spec(b"AELO", "Logout", "status source_userid"),
    spec(b"AEUC", "User Created", "status target_userid source_userid source_accountid"),
    spec(b"AEUD", "User Deleted", "status target_userid source_userid source_accountid"),
    spec(b"AECC", "User Setting Changed", "status target_userid source_userid source_accountid values"),
    spec(b"AEEC", "Layout Created", "status source_userid source_accountid layoutid"),
    spec(b"AEED", "Layout Deleted", "status source_userid source_accountid layoutid"),
    spec(b"AEEL", "Layout Changed", "status source_userid source_accountid layoutid values"),
    spec(b"AELD", "Live Display", "status source_userid deviceid"),
    spec(b"AEPT", "PTZ Action", "status source_userid deviceid"),
    spec(b"EPES", "PTZ Move Start", "videoid eventid"),
    spec(b"EPEE", "PTZ Move End", "eventid"),
    spec(b"PTZS", "PTZ State", "userid flags reason pan_status zoom_status x y z"),
    spec(b"ENES", "Analytics Start", "videoid eventid ns"),
    spec(b"ENEE", "Analytics End", "eventid ns"),
    spec(b"ENEU", "Analytics Heartbeat", "videoid eventid ns"),
    spec(b"ANNT", "Annotation", "ns flags uuid seq op mpack"),
    spec(b"NVPT", "Name-Value Table", "ns key_offset op mpack"),
    spec(b"SCRN", "Screen Connect", "ns uuid mpack"),
    spec(b"RCON", "Registered", "registerid"),
    spec(b"RCOF", "No Longer Registered", "registerid"),
    spec(b"RCHB", "Registration Heartbeat", "registerid"),
    spec(b"CONN", "Camera On", ""),
    spec(b"COFF", "Camera Off", ""),
    spec(b"CECF", "Camera Found", "uuid svc_state"),
    spec(b"CECL", "Camera Lost", ""),
    spec(b"CSAU", "Stream Attached", "streamid stream_format stream_type"),
    spec(b"CSDU", "Stream Detached", "streamid stream_format stream_type"),
    spec(
        b"CSSU",
        "Stream Statistics",
        "streamtype streamformat total_expected total_rcvd delta_expected delta_rcvd interval streamid",
    ),
    spec(b"SSTE", "Streamer Status", "stype event seconds"),
    spec(b"ABRT", "Bridge Restarted", "aborted"),
    spec(b"COBC", "Camera Bounced", ""),
    spec(b"CZTC", "Settings Changed", "userid flags command change"),
    spec(b"CZDC", "Settings Delta", "userid flags command change"),
    spec(b"CZTS", "Settings", "sequence settings"),
    spec(b"CPRG", "Purged", "day bytes"),
    spec(b"CDLT", "Data Lost", "day bytes"),
    spec(b"CBWS", "Camera Storage", "kbytesondisk bytesstored bytesshaped bytesstreamed bytesfreed daysondisk"),
    spec(
        b"BBWS",
        "Bridge Storage",
        "kbytessize kbytesavail bytesstored bytesshaped bytesstreamed bytesfreed daysondisk",
    ),
    spec(b"SBWS", "Stream Bandwidth", "bw10 bw60 bw300 streamtype"),
    spec(b"SBW0", "Preview Bandwidth", "bw10 bw60 bw300"),
    spec(b"SBW1", "Background Bandwidth", "bw10 bw60 bw300"),
    spec(b"SBW2", "Video Bandwidth", "bw10 bw60 bw300"),
    spec(b"SBW3", "Audio Bandwidth", "bw10 bw60 bw300"),
    spec(b"SBW4", "Control Bandwidth", "bw10 bw60 bw300"),
    spec(b"BBTW", "Bridge Upload", "ip bytes_sent bytes_rcvd active_write_us paused_write_us"),
    spec(b"BUBW", "Bridge Upload Test", "bytessent millisecs"),
    spec(b"BBOO", "Bridge Boot", "booted"),
    spec(b"CCLC", "Bridge Connected", "src_ip dest_ip src_port dest_port ctype"),
    spec(b"CCLD", "Bridge Disconnected", "src_ip dest_ip src_port dest_port ctype reason seconds"),
    spec(b"CCCF", "Bridge Cannot Reach Camera", "errcode"),
    spec(b"ITFU", "Interface Update", "ip flags valid mpack"),
    spec(b"NOOP", "No Operation", ""),
    spec(b"PRSS", "Preview Stream Start", "status format frame_delay flags duration previewid"),
    spec(b"PRSE", "Preview Stream End", "previewid status"),
    spec(b"PRFU", "Preview Upload", "file_offset frame_size"),
    spec(b"AABT", "Archiver Abort", "aborted"),
    spec(b"ECON", "Registered (old)", "registerid"),
    spec(b"ECOF", "No Longer Registered (old)", "registerid"),
    spec(b"IIA0", "Input 0 Active", "eventid"),
    spec(b"IIH0", "Input 0 Hold", "eventid"),
    spec(b"III0", "Input 0 Idle", "eventid"),
    spec(b"IOA0", "Output 0 Active", "eventid"),
    spec(b"IOH0", "Output 0 Hold", "eventid"),
    spec(b"IOI0", "Output 0 Idle", "eventid"),
];

fn spec_of(code: Code) -> Option<&'static Spec> {
    SPECS.iter().find(|spec| *spec.code == code.0)
}

/// What a code means, for people; the code itself where that is not known.
pub(super) fn words(code: Code) -> String {
    spec_of(code).map_or_else(|| code.to_string(), |spec| format!("{} ({code})", spec.words))
}

/// Who is told in an event as its author.
#[derive(Debug, Clone, Copy)]
pub(super) struct Author {
    pub(super) user: Esn,
    pub(super) account: Esn,
}

/// Writes the event object of one occurrence.
pub(super) fn write_event(out: &mut String, esn: Esn, coded: &Coded, author: Author) {
    let _ = write!(out, r#"{{"timestamp":"{}","cameraid":"{esn}""#, stamp::text(coded.at));
    let fields = spec_of(coded.code).map_or("eventid", |spec| spec.fields);
    for field in fields.split_ascii_whitespace() {
        let _ = write!(out, r#","{field}":"#);
        write_field(out, field, esn, coded, author);
    }
    out.push('}');
}

fn write_field(out: &mut String, field: &str, esn: Esn, coded: &Coded, author: Author) {
    let family = coded.code.family();
    let mut rng = Rng::new(u64::from(esn.0) << 32 | u64::from(coded.nth));
    let salt = Rng::from_text(field).next() ^ u64::from(u16::from_be_bytes(family));
    let mut rng = Rng::new(rng.next() ^ salt);
    let about = coded.about.unwrap_or(esn);
    let _ = match field {
        "boxes" => write!(out, r#"[{{"x":{},"y":{},"w":4095,"h":5825}}]"#, rng.below(0xffff), rng.below(0xffff)),
        "deviceid" | "target_deviceid" | "new_accountid" | "target_userid" => write!(out, r#""{about}""#),
        "source_userid" | "userid" => write!(out, r#""{}""#, author.user),
        "source_accountid" => write!(out, r#""{}""#, author.account),
        "values" | "json" | "settings" | "change" => out.write_str("{}"),
        "uuid" => write!(out, r#""{}""#, rng.guid()),
        "mpack" => out.write_str(r#""gaRuYW1loA==""#),
        "ip" | "src_ip" | "dest_ip" => write!(out, r#""10.1.{}.{}""#, rng.below(256), rng.below(256)),
        "starttime" | "endtime" => write!(out, r#""{}""#, stamp::text(coded.at)),
        "ns" => write!(out, "{}", 101 + rng.below(12)),
        "svc_state" => out.write_str(r#""ATTD""#),
        "resource_type" => out.write_str(r#""video""#),
        // Unsigned, but written as signed.
        _ if field.ends_with("id") => write!(out, "{}", rng.next() as i32),
        "status" | "format" | "flags" | "reason" | "stream_type" | "stream_format" | "streamtype" | "streamformat" => {
            write!(out, "{}", rng.below(32))
        }
        _ => write!(out, "{}", rng.below(1_000_000)),
    };
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::Value;

    use super::*;

    const AUTHOR: Author = Author { user: Esn(0xca0e_1cf2), account: Esn(0x4206) };

    fn written(code: Code, nth: u32) -> Value {
        let mut out = String::new();
        let coded = Coded { code, at: 1_542_819_011_007, nth, about: None };
        write_event(&mut out, Esn(0x100e_1e23), &coded, AUTHOR);
        serde_json::from_str(&out).unwrap()
    }

    #[test]
    fn every_event_has_a_time_a_camera_and_its_own_fields() {
        for spec in SPECS {
            let event = written(Code(*spec.code), 1);
            assert_eq!(event["timestamp"], "20181121165011.007");
            assert_eq!(event["cameraid"], "100e1e23");
            let fields = spec.fields.split_ascii_whitespace();
            assert_eq!(event.as_object().unwrap().len(), 2 + fields.clone().count());
            assert!(fields.clone().all(|field| !event[field].is_null()), "{event}");
        }
    }

    #[test]
    fn start_end_and_heartbeat_carry_the_same_ids_and_other_occurrences_others() {
        let [start, end, beat] = [b"EMES", b"EMEE", b"EMEU"].map(|code| written(Code::of(code), 7));
        assert_eq!(start["eventid"], end["eventid"]);
        assert_eq!(start["videoid"], beat["videoid"]);
        assert_ne!(start["eventid"], written(Code::of(b"EMES"), 8)["eventid"]);
    }

    #[test]
    fn ids_are_signed_32_bits() {
        let ids: Vec<i64> = (0..64).map(|nth| written(Code::of(b"EMES"), nth)["eventid"].as_i64().unwrap()).collect();
        assert!(ids.iter().any(|id| *id < 0) && ids.iter().any(|id| *id > 0));
        assert!(ids.iter().all(|id| i32::try_from(*id).is_ok()));
    }

    #[test]
    fn no_code_is_listed_twice() {
        let mut codes: Vec<_> = SPECS.iter().map(|spec| spec.code).collect();
        codes.sort_unstable();
        assert!(codes.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
