//! The built-in event types and state groups of XProtect.
//!
//! Ids written out here are Milestone's own, from its published samples and SDK. Where none is published the row has an empty
//! id and the simulator makes up a stable one; a client must look ids up anyway. Display names of the members of a
//! group, and the texts of states other than `No Motion`, are inferred.

use crate::simulator::common::rng::Rng;

/// A set of event types of which exactly one is true for a source at a time.
pub(super) struct GroupSpec {
    pub(super) key: Group,
    pub(super) name: &'static str,
    /// Empty when the vendor publishes none.
    pub(super) id: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Group {
    Motion,
    Communication,
    HardwareCommunication,
    RecorderCommunication,
    Recording,
    FeedOverflow,
    LiveClientFeed,
    RecordingFps,
    LiveFps,
    Output,
    Cpu,
    RetentionTime,
    ServiceAvailable,
    GpuMemory,
    GpuRendering,
    GpuDecoding,
    DatabaseDisk,
    ArchiveDisk,
}

use Group as G;

pub(super) const GROUPS: &[GroupSpec] = &[
    group(G::Motion, "Motion", "720ef62a-78be-418a-8e4c-ee04ffca6429"),
    group(G::Communication, "Communication", "53b40c77-cf48-42a2-a432-db65ae3afc7a"),
    group(G::HardwareCommunication, "Hardware communication", ""),
    group(G::RecorderCommunication, "Recording server communication", ""),
    group(G::Recording, "Recording", ""),
    group(G::FeedOverflow, "Feed overflow", ""),
    group(G::LiveClientFeed, "Live client feed", ""),
    group(G::RecordingFps, "Recording FPS", ""),
    group(G::LiveFps, "Live FPS", ""),
    group(G::Output, "Output", ""),
    group(G::Cpu, "CPU usage", "8c958201-aa02-40cf-a643-fa7f91d0bed2"),
    group(G::RetentionTime, "Retention time", ""),
    group(G::ServiceAvailable, "Service Available", ""),
    group(G::GpuMemory, "GPU Memory", ""),
    group(G::GpuRendering, "GPU Rendering", ""),
    group(G::GpuDecoding, "GPU Decoding", ""),
    group(G::DatabaseDisk, "Database disk", ""),
    group(G::ArchiveDisk, "Archive disk", ""),
];

const fn group(key: Group, name: &'static str, id: &'static str) -> GroupSpec {
    GroupSpec { key, name, id }
}

impl GroupSpec {
    pub(super) fn guid(&self) -> String {
        known_or_made_up(self.id, "stateGroup", self.name)
    }
}

/// Who raises events of a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Generator {
    Motion,
    Recorder,
    Monitor,
    Server,
    External,
    Analytics,
}

impl Generator {
    /// `generatorType`, `generatorSubtype`, `generatorName`, `generatorGroupName`.
    pub(super) const fn texts(self) -> (&'static str, &'static str, &'static str, &'static str) {
        match self {
            Self::Motion => ("RecorderPlugin", "Server", "Motion Detection Plugin", "Analytics Events"),
            Self::Recorder => ("Recorder", "Server", "Recording Server", "Device Events"),
            Self::Monitor => ("MIPServer", "Server", "System Monitor", "System Monitor"),
            Self::Server => ("ManagementServer", "Server", "Management Server", "System Events"),
            Self::External => ("External", "External", "User-defined Events", "External Events"),
            Self::Analytics => ("External", "Analytics", "Analytics Events", "Analytics Events"),
        }
    }
}

/// One row of the table of built-in types.
pub(super) struct TypeSpec {
    pub(super) name: &'static str,
    pub(super) display: &'static str,
    id: &'static str,
    pub(super) group: Option<Group>,
    pub(super) state: &'static str,
    /// Name of the type that undoes this one, or empty.
    pub(super) counter: &'static str,
    /// `sourceArray`: the kinds of items it comes from.
    pub(super) sources: &'static [&'static str],
    pub(super) generator: Generator,
}

impl TypeSpec {
    pub(super) fn guid(&self) -> String {
        known_or_made_up(self.id, "eventType", self.name)
    }

    /// The id of a type by its name.
    pub(super) fn guid_of(name: &str) -> Option<String> {
        TYPES.iter().find(|spec| spec.name == name).map(Self::guid)
    }
}

fn known_or_made_up(id: &str, kind: &str, name: &str) -> String {
    if id.is_empty() { Rng::from_text(&format!("{kind}/{name}")).guid() } else { id.to_owned() }
}

/// A type that sets a state.
const fn stateful(
    name: &'static str,
    display: &'static str,
    id: &'static str,
    (group, state, counter): (Group, &'static str, &'static str),
    sources: &'static [&'static str],
    generator: Generator,
) -> TypeSpec {
    TypeSpec { name, display, id, group: Some(group), state, counter, sources, generator }
}

/// A type that just happens.
const fn stateless(
    name: &'static str,
    display: &'static str,
    id: &'static str,
    sources: &'static [&'static str],
    generator: Generator,
) -> TypeSpec {
    TypeSpec { name, display, id, group: None, state: "", counter: "", sources, generator }
}

const CAMERA: &[&str] = &["Camera", "CameraGroup"];
const DEVICE: &[&str] = &["Camera", "CameraGroup", "Microphone", "Speaker", "InputEvent", "Output"];
const HARDWARE: &[&str] = &["Hardware"];
const RECORDER: &[&str] = &["RecordingServer"];
const OUTPUT: &[&str] = &["Output"];
const INPUT: &[&str] = &["InputEvent"];
const SERVICE: &[&str] = &["Service"];
const SITE: &[&str] = &["Site"];

pub(super) const CONFIGURATION_CHANGED: &str = "SystemConfigurationChanged";

#[rustfmt::skip]
pub(super) const TYPES: &[TypeSpec] = &[
    stateful("MotionStarted", "Motion Started", "6eb95dd6-7ccc-4bce-99f8-af0d0b582d77", (G::Motion, "Motion", "MotionStopped"), CAMERA, Generator::Motion),
    stateful("MotionStopped", "Motion Stopped", "6f55a7a7-d21c-4629-ac18-af1975e395a2", (G::Motion, "No Motion", "MotionStarted"), CAMERA, Generator::Motion),
    stateful("RecordingStarted", "Recording Started", "4577f552-765a-438c-bc7d-e5ff1f754bc3", (G::Recording, "Recording", "RecordingStopped"), CAMERA, Generator::Recorder),
    stateful("RecordingStopped", "Recording Stopped", "79a94f89-92de-4fca-8a43-5561d407423d", (G::Recording, "Not Recording", "RecordingStarted"), CAMERA, Generator::Recorder),
    stateful("LiveClientFeedRequested", "Live Client Feed Requested", "eeda47ff-4f3d-459e-8143-69896c7c74ad", (G::LiveClientFeed, "Requested", "LiveClientFeedTerminated"), CAMERA, Generator::Recorder),
    stateful("LiveClientFeedTerminated", "Live Client Feed Terminated", "66bdd008-b856-44b6-b385-b1f6c3f76f1b", (G::LiveClientFeed, "Terminated", "LiveClientFeedRequested"), CAMERA, Generator::Recorder),
    stateful("CommunicationStarted", "Communication Started", "dd3e6464-7dc0-405a-a92f-6150587563e8", (G::Communication, "Started", "CommunicationStopped"), DEVICE, Generator::Recorder),
    stateful("CommunicationStopped", "Communication Stopped", "0ee90664-2924-42a0-a816-4129d0ecabdc", (G::Communication, "Stopped", "CommunicationStarted"), DEVICE, Generator::Recorder),
    stateful("CommunicationError", "Communication Error", "a334af1c-4b4b-4957-9e5f-ab8ca07feab6", (G::Communication, "Error", "CommunicationStarted"), DEVICE, Generator::Recorder),
    stateful("HardwareCommunicationStarted", "Communication Started (Hardware)", "0553c396-5e16-4c22-b3d1-f548e42dfbb4", (G::HardwareCommunication, "Started", "HardwareCommunicationStopped"), HARDWARE, Generator::Recorder),
    stateful("HardwareCommunicationStopped", "Communication Stopped (Hardware)", "63ea1f06-5a83-4f39-9fab-49959fde7b66", (G::HardwareCommunication, "Stopped", "HardwareCommunicationStarted"), HARDWARE, Generator::Recorder),
    stateful("HardwareCommunicationError", "Communication Error (Hardware)", "6baad64b-c395-4f52-b6a3-dd1b64aa2f0f", (G::HardwareCommunication, "Error", "HardwareCommunicationStarted"), HARDWARE, Generator::Recorder),
    stateful("RecordingServerCommunicationStarted", "CommunicationStarted", "", (G::RecorderCommunication, "Started", "RecordingServerCommunicationStopped"), RECORDER, Generator::Server),
    stateful("RecordingServerCommunicationStopped", "CommunicationStopped", "", (G::RecorderCommunication, "Stopped", "RecordingServerCommunicationStarted"), RECORDER, Generator::Server),
    stateful("FeedOverflowStarted", "Feed Overflow Begin", "536ad730-05ae-42cd-b14c-07b07c293e79", (G::FeedOverflow, "Overflow", "FeedOverflowStopped"), CAMERA, Generator::Recorder),
    stateful("FeedOverflowStopped", "Feed Overflow Stopped", "247fef11-15db-4c99-99db-de5475eae443", (G::FeedOverflow, "Normal", "FeedOverflowStarted"), CAMERA, Generator::Recorder),
    stateful("OutputActivated", "Output Activated", "7a78f5bb-d8c3-4997-89b7-cae72713b7db", (G::Output, "Activated", "OutputDeactivated"), OUTPUT, Generator::Recorder),
    stateful("OutputDeactivated", "Output Deactivated", "35742498-bcc5-4f0a-9800-827c9388d1cd", (G::Output, "Deactivated", "OutputActivated"), OUTPUT, Generator::Recorder),
    stateful("RecordingFpsNormal", "Recording FPS Normal", "", (G::RecordingFps, "Normal", ""), CAMERA, Generator::Monitor),
    stateful("RecordingFpsWarning", "Recording FPS Warning", "", (G::RecordingFps, "Warning", ""), CAMERA, Generator::Monitor),
    stateful("RecordingFpsCritical", "Recording FPS Critical", "", (G::RecordingFps, "Critical", ""), CAMERA, Generator::Monitor),
    stateful("RecordingFpsUndefined", "Recording FPS Undefined", "", (G::RecordingFps, "Undefined", ""), CAMERA, Generator::Monitor),
    stateful("LiveFpsNormal", "Live FPS Normal", "", (G::LiveFps, "Normal", ""), CAMERA, Generator::Monitor),
    stateful("LiveFpsWarning", "Live FPS Warning", "", (G::LiveFps, "Warning", ""), CAMERA, Generator::Monitor),
    stateful("LiveFpsCritical", "Live FPS Critical", "", (G::LiveFps, "Critical", ""), CAMERA, Generator::Monitor),
    stateful("LiveFpsUndefined", "Live FPS Undefined", "", (G::LiveFps, "Undefined", ""), CAMERA, Generator::Monitor),
    stateful("CpuUsageNormal", "CPU Usage Normal", "", (G::Cpu, "Normal", ""), RECORDER, Generator::Monitor),
    stateful("CpuUsageWarning", "CPU Usage Warning", "", (G::Cpu, "Warning", ""), RECORDER, Generator::Monitor),
    stateful("CpuUsageCritical", "CPU Usage Critical", "", (G::Cpu, "Critical", ""), RECORDER, Generator::Monitor),
    stateful("RetentionTimeNormal", "Retention Time Normal", "", (G::RetentionTime, "Normal", ""), RECORDER, Generator::Monitor),
    stateful("RetentionTimeCritical", "Retention Time Critical", "d1603fbe-4bb8-49eb-9928-0e8eb3c736ce", (G::RetentionTime, "Critical", ""), RECORDER, Generator::Monitor),
    stateful("ServiceAvailableNormal", "Service Available Normal", "", (G::ServiceAvailable, "Normal", "ServiceAvailableCritical"), RECORDER, Generator::Monitor),
    stateful("ServiceAvailableCritical", "Service Available Critical", "", (G::ServiceAvailable, "Critical", "ServiceAvailableNormal"), RECORDER, Generator::Monitor),
    stateful("GpuMemoryUndefined", "GPU Memory Undefined", "", (G::GpuMemory, "Undefined", ""), RECORDER, Generator::Monitor),
    stateful("GpuRenderingUndefined", "GPU Rendering Undefined", "", (G::GpuRendering, "Undefined", ""), RECORDER, Generator::Monitor),
    stateful("GpuDecodingUndefined", "GPU Decoding Undefined", "", (G::GpuDecoding, "Undefined", ""), RECORDER, Generator::Monitor),
    stateful("DatabaseDiskAvailable", "Database Disk Available", "fab03c4d-0589-48c8-9328-e28b76c95af0", (G::DatabaseDisk, "Available", "DatabaseDiskUnavailable"), RECORDER, Generator::Recorder),
    stateful("DatabaseDiskUnavailable", "Database Disk Unavailable", "29986aa1-924b-4c8d-aac7-a876883dc82c", (G::DatabaseDisk, "Unavailable", "DatabaseDiskAvailable"), RECORDER, Generator::Recorder),
    stateful("ArchiveDiskAvailable", "Archive Disk Available", "b7f0003b-1392-450e-b6cc-9bbe6e7df065", (G::ArchiveDisk, "Available", "ArchiveDiskUnavailable"), RECORDER, Generator::Recorder),
    stateful("ArchiveDiskUnavailable", "Archive Disk Unavailable", "72c29aae-ddb2-46df-b6fd-7f728a85f292", (G::ArchiveDisk, "Unavailable", "ArchiveDiskAvailable"), RECORDER, Generator::Recorder),
    stateless("InputActivated", "Input Activated", "836ca458-a833-4742-8ee0-64b2380984bd", INPUT, Generator::Recorder),
    stateless("InputDeactivated", "Input Deactivated", "8666e3dc-57a7-4f38-9611-51d774ee7358", INPUT, Generator::Recorder),
    stateless("InputChanged", "Input Changed", "fda121b3-2070-4f31-a086-9f74e16580c0", INPUT, Generator::Recorder),
    stateless("InputSensor", "Input Sensor", "f84c8443-bfe3-4eca-b69b-07daebc63a02", INPUT, Generator::Recorder),
    stateless("OutputChanged", "Output Changed", "672f9f80-55fe-496f-bee4-6c870bab5064", OUTPUT, Generator::Recorder),
    stateless("PTZManualSessionStarted", "PTZ Manual Session Started", "2eeb582a-1506-4d73-96c9-ad356acf85fb", CAMERA, Generator::Recorder),
    stateless("PTZManualSessionStopped", "PTZ Manual Session Stopped", "eed47283-694f-4683-9e4d-18e7d93cf796", CAMERA, Generator::Recorder),
    stateless("BookmarkReferenceRequested", "Bookmark Reference Requested", "7cfc6709-2c16-405f-9182-0bdb6f9f7e43", CAMERA, Generator::Recorder),
    stateless("DatabaseRepair", "Database Repair", "b6c4b695-7404-414d-a229-33bf83ffe255", RECORDER, Generator::Recorder),
    stateless("DatabaseDiskFull", "Database Disk Full", "a4935aa3-c4b6-42a3-b4c5-6d4c20b043cf", RECORDER, Generator::Recorder),
    stateless("HardwareSettingsChanged", "Settings Changed (Hardware)", "a600c492-11c8-4d65-92db-6d46209ce9ea", HARDWARE, Generator::Recorder),
    stateless("HardwareSettingsError", "Settings Changed Error (Hardware)", "829a93ab-1ac0-4aeb-bda0-ed8f6d8f514b", HARDWARE, Generator::Recorder),
    stateless("DeviceSettingsChanged", "Settings Changed", "4c8be5ed-80fa-43e7-bf5b-4e7570ad0025", DEVICE, Generator::Recorder),
    stateless("DeviceSettingsError", "Settings Changed Error", "87be2a0d-c33b-4b5f-ae1f-afa6770a2497", DEVICE, Generator::Recorder),
    stateless("FailoverStarted", "Failover Started", "f951b1f0-2fed-48f7-88d3-49eb5999c923", RECORDER, Generator::Recorder),
    stateless("FailoverStopped", "Failover Stopped", "c7b9227a-8e11-451b-bc9c-8ea659731012", RECORDER, Generator::Recorder),
    stateless("RelativeTimerEvent", "Relative Timer Event", "6a00fd9a-a7f1-446c-abc2-29639cecd595", SITE, Generator::Server),
    stateless("PeriodicTimerEvent", "Periodic Timer Event", "f07ac0e3-9662-4781-9176-ec9e488aa494", SITE, Generator::Server),
    stateless("MemoryUsageCritical", "Memory Usage Critical", "363741cf-4d7a-426d-9fe2-a201c4db51c0", SERVICE, Generator::Monitor),
    stateless("UsedSpaceCritical", "Used Space Critical", "766cf688-f3e2-4d2f-8d08-012193783739", RECORDER, Generator::Monitor),
    stateless("FreeSpaceCritical", "Free Space Critical", "f80af822-6a89-4c2f-ab38-b55d0d2cd13a", RECORDER, Generator::Monitor),
    stateless(CONFIGURATION_CHANGED, "System Configuration Changed", "06c5010d-11f2-4d70-bd79-4cec3a20d589", SITE, Generator::Server),
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_type_and_every_group_has_an_id_of_its_own() {
        let types: BTreeSet<_> = TYPES.iter().map(TypeSpec::guid).collect();
        assert_eq!(types.len(), TYPES.len());
        let groups: BTreeSet<_> = GROUPS.iter().map(GroupSpec::guid).collect();
        assert_eq!(groups.len(), GROUPS.len());
        for id in types.iter().chain(&groups) {
            assert!(uuid::Uuid::parse_str(id).is_ok(), "{id}");
        }
    }

    #[test]
    fn a_counter_type_is_of_the_same_group_and_counters_back() {
        for spec in TYPES.iter().filter(|spec| !spec.counter.is_empty()) {
            let counter = TYPES.iter().find(|other| other.name == spec.counter).unwrap();
            assert_eq!(counter.group, spec.group, "{}", spec.name);
            assert!(!counter.counter.is_empty());
        }
    }
}
