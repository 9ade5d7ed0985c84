//! The table of codes: after the event objects of EEN's API documentation; ports after a draft of it that was never published. Which member is an
//! occurrence's id, what sets a state, and what is a heartbeat beyond those that the documentation calls so, is inferred.

use super::{Code, Role, Sets, Standing};

/// Every documented code.
pub const CODES: &[Code] = &[
    // Video and previews.
    start("VRES", "Video Record Start", "videoid"),
    end("VREE", "Video Record End", "videoid"),
    heartbeat("VRKF", "Video Record Key Frame", "videoid"),
    start("EAES", "Always Record Video Start", "eventid"),
    end("EAEE", "Always Record Video End", "eventid"),
    start("ESES", "Stream Start", "eventid"),
    end("ESEE", "Stream End", "eventid"),
    point("EVVS", "Video Swap", "eventid"),
    point("PRTH", "Thumbnail", "eventid"),
    point("PRFR", "Preview", "previewid"),
    point("PRFB", "Preview Backing", "previewid"),
    point("AEDO", "Video Download", "deviceid"),
    // Motion. Regions and alerts overlap each other on one camera, so their ends clear nothing.
    start("EMES", "Motion Start", "eventid").shared("motion.started").sets("motion", "motion", "detected", "Motion"),
    end("EMEE", "Motion End", "eventid").shared("motion.stopped").sets("motion", "motion", "clear", "No Motion"),
    heartbeat("EMEU", "Motion Update", "eventid"),
    point("MRBX", "Motion Box", ""),
    point("MRSZ", "Motion Size Report", ""),
    start("ROMS", "ROI Motion Start", "eventid"),
    end("ROME", "ROI Motion End", "eventid"),
    heartbeat("ROMU", "ROI Motion Update", "eventid"),
    start("ALMS", "Motion Alert Start", "alertmotionid"),
    end("ALME", "Motion Alert End", "alertmotionid"),
    start("ALRS", "ROI Alert Start", "alertroiid"),
    end("ALRE", "ROI Alert End", "alertroiid"),
    // Devices. `AE..` may come with the ESN of an account or a user.
    point("AEDA", "Device Alert", "deviceid"),
    point("AEDN", "Device Alert Notification", "triggerid"),
    point("AEDC", "Create Device", "deviceid"),
    point("AEDD", "Delete Device", "deviceid"),
    point("AEDH", "Device Change", "deviceid"),
    // Accounts, users, layouts.
    point("AEAC", "Create Account", "new_accountid"),
    point("AEAD", "Delete Account", "source_userid"),
    point("AEAH", "Account Change", "source_userid"),
    point("AELI", "Account Log In", "source_userid"),
    point("AELO", "Account Log Out", "source_userid"),
    point("AEUC", "Create User", "target_userid"),
    point("AEUD", "Delete User", "target_userid"),
    point("AECC", "User Setting Change", "target_userid"),
    point("AEEC", "Create Layout", "layoutid"),
    point("AEED", "Delete Layout", "layoutid"),
    point("AEEL", "Layout Change", "layoutid"),
    point("AELD", "Live Display", "deviceid"),
    point("AEPT", "PTZ", "deviceid"),
    // PTZ, applications, analytics.
    start("EPES", "PTZ Camera Start", "eventid"),
    end("EPEE", "PTZ Camera End", "eventid"),
    point("PTZS", "PTZ Status", "userid"),
    start("ENES", "App-Specific Start", "eventid"),
    end("ENEE", "App-Specific End", "eventid"),
    heartbeat("ENEU", "App-Specific Update", "eventid"),
    point("ANNT", "Annotation", "uuid"),
    point("NVPT", "Name Value Table", "key_offset"),
    point("SCRN", "Screen Connect", "uuid"),
    // Whether a camera is there. The first four say what the status word says; `CSAU` and `CSDU` speak of one of several streams.
    start("RCON", "Camera Online", "registerid")
        .shared("connection.restored")
        .sets("registered", "connection", "online", "Internet Online")
        .in_word(),
    end("RCOF", "Camera Offline", "registerid")
        .shared("connection.lost")
        .sets("registered", "connection", "offline", "Internet Offline")
        .in_word(),
    heartbeat("RCHB", "Camera Heartbeat", "registerid"),
    state("CONN", "Camera On", "").shared("device.enabled").sets("camera_on", "enabled", "on", "Camera On").in_word(),
    state("COFF", "Camera Off", "")
        .shared("device.disabled")
        .sets("camera_on", "enabled", "off", "Camera Off")
        .in_word(),
    state("CECF", "Camera Found", "").sets("located", "located", "found", "Found"),
    state("CECL", "Camera Lost", "").sets("located", "located", "lost", "Lost"),
    start("CSAU", "Camera Stream Attach", "streamid"),
    end("CSDU", "Camera Stream Detach", "streamid"),
    heartbeat("CSSU", "Camera Stream Stats", "streamid"),
    point("SSTE", "Streamer Status", "stype"),
    point("ABRT", "Camera Abort", ""),
    point("COBC", "Camera Bounce", ""),
    point("CCCF", "Curl Fail", "errcode"),
    // Settings and storage.
    point("CZTC", "Camera Setting Change", "userid"),
    point("CZDC", "Camera Setting Delta", "userid"),
    point("CZTS", "Camera Settings", "sequence"),
    point("CPRG", "Camera Purge", "day"),
    point("CDLT", "Camera Data Lost", "day"),
    // Measurements.
    metric("CBWS", "Camera Bandwidth Sample", ""),
    metric("BBWS", "Bridge Bandwidth Sample", ""),
    metric("SBWS", "Stream Bandwidth Sample", "streamtype"),
    metric("SBW0", "Stream Bandwidth Sample 0", ""),
    metric("SBW1", "Stream Bandwidth Sample 1", ""),
    metric("SBW2", "Stream Bandwidth Sample 2", ""),
    metric("SBW3", "Stream Bandwidth Sample 3", ""),
    metric("SBW4", "Stream Bandwidth Sample 4", ""),
    metric("BBTW", "Bridge Tag Flow", "ip"),
    metric("BUBW", "Upload Bandwidth Sample", ""),
    // Bridges. One may hold several connections to the cloud, so the loss of one is not the loss of the bridge.
    point("BBOO", "Bridge Boot", ""),
    point("CCLC", "Cloud Connect", "src_port"),
    point("CCLD", "Cloud Disconnect", "src_port"),
    point("ITFU", "Interface Update", "ip"),
    point("NOOP", "No Operation", ""),
    // For EEN's internal use, and deprecated ones.
    start("PRSS", "Preview Stream Start", "previewid").standing(Standing::Internal),
    end("PRSE", "Preview Stream End", "previewid").standing(Standing::Internal),
    point("PRFU", "Preview Upload", "file_offset").standing(Standing::Internal),
    point("AABT", "Archiver Abort", "").standing(Standing::Internal),
    start("ECON", "Old Camera Online", "").standing(Standing::Deprecated),
    end("ECOF", "Old Camera Offline", "").standing(Standing::Deprecated),
    point("CSTS", "Old Camera Settings", "sequence").standing(Standing::Deprecated),
    point("CSTC", "Old Camera Setting Change", "sequence").standing(Standing::Deprecated),
    start("CSAT", "Old Camera Stream Attach", "stream_type").standing(Standing::Deprecated),
    end("CSDT", "Old Camera Stream Detach", "stream_type").standing(Standing::Deprecated),
    heartbeat("CSST", "Old Camera Stream Stats", "streamtype").standing(Standing::Deprecated),
    heartbeat("PRSU", "Old Preview Stream Update", "previewid").standing(Standing::Deprecated),
    heartbeat("VRSU", "Old Video Update", "videoid").standing(Standing::Deprecated),
    // Ports. While a port is held it is active still; which of the two a server sends is its own affair.
    state("IIA0", "Input 0 Active", "eventid").standing(Standing::Draft).sets("input_0", "input_0", "active", "Active"),
    state("IIH0", "Input 0 Hold", "eventid").standing(Standing::Draft).sets("input_0", "input_0", "active", "Hold"),
    state("III0", "Input 0 Idle", "eventid").standing(Standing::Draft).sets("input_0", "input_0", "idle", "Idle"),
    state("IIA1", "Input 1 Active", "eventid").standing(Standing::Draft).sets("input_1", "input_1", "active", "Active"),
    state("IIH1", "Input 1 Hold", "eventid").standing(Standing::Draft).sets("input_1", "input_1", "active", "Hold"),
    state("III1", "Input 1 Idle", "eventid").standing(Standing::Draft).sets("input_1", "input_1", "idle", "Idle"),
    state("IIA2", "Input 2 Active", "eventid").standing(Standing::Draft).sets("input_2", "input_2", "active", "Active"),
    state("IIH2", "Input 2 Hold", "eventid").standing(Standing::Draft).sets("input_2", "input_2", "active", "Hold"),
    state("III2", "Input 2 Idle", "eventid").standing(Standing::Draft).sets("input_2", "input_2", "idle", "Idle"),
    state("IIA3", "Input 3 Active", "eventid").standing(Standing::Draft).sets("input_3", "input_3", "active", "Active"),
    state("IIH3", "Input 3 Hold", "eventid").standing(Standing::Draft).sets("input_3", "input_3", "active", "Hold"),
    state("III3", "Input 3 Idle", "eventid").standing(Standing::Draft).sets("input_3", "input_3", "idle", "Idle"),
    state("IOA0", "Output 0 Active", "eventid")
        .standing(Standing::Draft)
        .shared("output.activated")
        .sets("output_0", "output", "on", "Active"),
    state("IOH0", "Output 0 Hold", "eventid").standing(Standing::Draft).sets("output_0", "output", "on", "Hold"),
    state("IOI0", "Output 0 Idle", "eventid")
        .standing(Standing::Draft)
        .shared("output.deactivated")
        .sets("output_0", "output", "off", "Idle"),
    state("IOA1", "Output 1 Active", "eventid")
        .standing(Standing::Draft)
        .shared("output.activated")
        .sets("output_1", "output", "on", "Active"),
    state("IOH1", "Output 1 Hold", "eventid").standing(Standing::Draft).sets("output_1", "output", "on", "Hold"),
    state("IOI1", "Output 1 Idle", "eventid")
        .standing(Standing::Draft)
        .shared("output.deactivated")
        .sets("output_1", "output", "off", "Idle"),
    state("IOA2", "Output 2 Active", "eventid")
        .standing(Standing::Draft)
        .shared("output.activated")
        .sets("output_2", "output", "on", "Active"),
    state("IOH2", "Output 2 Hold", "eventid").standing(Standing::Draft).sets("output_2", "output", "on", "Hold"),
    state("IOI2", "Output 2 Idle", "eventid")
        .standing(Standing::Draft)
        .shared("output.deactivated")
        .sets("output_2", "output", "off", "Idle"),
    state("IOA3", "Output 3 Active", "eventid")
        .standing(Standing::Draft)
        .shared("output.activated")
        .sets("output_3", "output", "on", "Active"),
    state("IOH3", "Output 3 Hold", "eventid").standing(Standing::Draft).sets("output_3", "output", "on", "Hold"),
    state("IOI3", "Output 3 Idle", "eventid")
        .standing(Standing::Draft)
        .shared("output.deactivated")
        .sets("output_3", "output", "off", "Idle"),
];

const fn row(code: &'static str, name: &'static str, id: &'static str, role: Role) -> Code {
    Code { code, name, role, standing: Standing::Public, id, shared: None, sets: None, in_word: false }
}

const fn start(code: &'static str, name: &'static str, id: &'static str) -> Code {
    row(code, name, id, Role::Start)
}

const fn end(code: &'static str, name: &'static str, id: &'static str) -> Code {
    row(code, name, id, Role::End)
}

const fn heartbeat(code: &'static str, name: &'static str, id: &'static str) -> Code {
    row(code, name, id, Role::Heartbeat)
}

const fn point(code: &'static str, name: &'static str, id: &'static str) -> Code {
    row(code, name, id, Role::Point)
}

const fn metric(code: &'static str, name: &'static str, id: &'static str) -> Code {
    row(code, name, id, Role::Metric)
}

const fn state(code: &'static str, name: &'static str, id: &'static str) -> Code {
    row(code, name, id, Role::State)
}

impl Code {
    const fn standing(self, standing: Standing) -> Self {
        Self { standing, ..self }
    }

    const fn shared(self, kind: &'static str) -> Self {
        Self { shared: Some(kind), ..self }
    }

    const fn sets(
        self,
        vendor_group: &'static str,
        group: &'static str,
        value: &'static str,
        text: &'static str,
    ) -> Self {
        Self { sets: Some(Sets { vendor_group, group, value, text }), ..self }
    }

    const fn in_word(self) -> Self {
        Self { in_word: true, ..self }
    }
}
