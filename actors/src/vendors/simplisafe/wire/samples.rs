//! What simplipy's tests take for SimpliSafe's answers, cut to what is read and a little more; and what was seen on a live account.

/// As a user logged it.
pub(in crate::vendors::simplisafe) const HELLO: &str = r#"{"id":"ts:1652725948698","time":"2022-05-16T18:32:28.000Z","type":"com.simplisafe.service.hello","source":"service",
    "specversion":"1.0","datacontenttype":"application/json","data":{"key":"BA3UFruTK53","timeouts":{"heartbeat":45000,
    "inactivity":30000}}}"#;

/// The same but for its id.
pub(in crate::vendors::simplisafe) const REGISTERED: &str = r#"{"datacontenttype":"application/json","id":"id:16803409109","source":"service","specversion":"1.0",
    "time":"2021-09-29T23:14:46.000Z","type":"com.simplisafe.service.registered"}"#;

/// As a user logged it.
pub(in crate::vendors::simplisafe) const SUBSCRIBED: &str = r#"{"id":"ts:1651916361605","time":"2022-05-07T09:39:21.000Z","type":"com.simplisafe.namespace.subscribed","source":"service",
    "specversion":"1.0","datacontenttype":"application/json","data":{"namespace":"uid:xxx"}}"#;

/// By the name that simplipy's tests know.
pub(in crate::vendors::simplisafe) const SUBSCRIBED_OF_SIMPLIPY: &str = r#"{"data":{"namespace":"uid:428836"},"datacontenttype":"application/json","id":"id:16803409109","source":"service",
    "specversion":"1.0","time":"2021-09-29T23:14:46.000Z","type":"com.simplisafe.service.subscribed"}"#;

/// A frame with code 1400.
pub(in crate::vendors::simplisafe) const DISARMED: &str = r#"{"data":{"eventTimestamp":1632957286,"eventCid":1400,"zoneCid":"1","sensorType":1,"sensorSerial":"abcdef12",
    "account":"abcdef12","userId":12345,"sid":12345,"info":"System Disarmed by Master PIN","pinName":"Master PIN",
    "sensorName":"","messageSubject":"SimpliSafe System Disarmed",
    "messageBody":"System Disarmed: Your SimpliSafe security system was disarmed by Keypad Master PIN at 1234 Main Street on 9-29-21 at 5:14 pm",
    "eventType":"activity","timezone":2,"locationOffset":-360,"internal":{"dispatcher":"my_dispatcher"},"senderId":"wifi",
    "openCount":0,"eventId":16803409109,"serviceFeatures":{"monitoring":true,"alerts":true,"online":true,"hazard":true,
    "video":true,"cameras":10,"dispatch":true,"proInstall":false,"discount":0,"vipCS":false,"medical":true,"careVisit":false,
    "storageDays":30},"copsVideoOptIn":false},"datacontenttype":"application/json","id":"id:16803409109","source":"messagequeue",
    "specversion":"1.0","time":"2021-09-29T23:14:46.000Z","type":"com.simplisafe.event.standard"}"#;

/// An event with code 1170 and all links.
pub(in crate::vendors::simplisafe) const MOTION: &str = r#"{"eventUuid":"xxx","eventTimestamp":1703882325,"eventCid":1170,"zoneCid":"1","sensorType":17,"sensorSerial":"f11b6abd",
    "account":"abcdef12","userId":12345,"sid":12345,"info":"Back Yard Camera Detected Motion","pinName":"",
    "sensorName":"Back Yard","messageSubject":"Camera Detected Motion",
    "messageBody":"Back Yard Camera Detected Motion on 12/29/2023 at 12:38 PM","eventType":"activityCam","timezone":3,
    "locationOffset":-480,"internal":{"dispatcher":"my_dispatcher"},"senderId":"","eventId":38552328826,
    "serviceFeatures":{"monitoring":false,"alerts":true,"online":true,"hazard":false,"video":true,"cameras":10,"dispatch":false,
    "proInstall":false,"discount":0,"vipCS":false,"medical":false,"careVisit":false,"storageDays":30},"copsVideoOptIn":false,
    "videoStartedBy":"6172311af9da430ab2e11c59f11b6abd","video":{"6172311af9da430ab2e11c59f11b6abd":{"clipId":"26361666077",
    "preroll":3,"postroll":7,"cameraName":"Back Yard","eventId":"38552328826","sid":12345,"timestamp":1703882325,
    "recordingType":"KVS","account":"abcdef12","region":"us-east-1","actualDuration":0,"status":"PENDING",
    "_links":{"_self":{"href":"https://chronicle.us-east-1.prd.cam.simplisafe.com/v1/recordings/26361666077","method":"GET"},
    "preview/mjpg":{"href":"https://remix.us-east-1.prd.cam.simplisafe.com/v1/preview/6172311af9da430ab2e11c59f11b6abd/12345/time/1703882322/1703882332?account=611485993050&region=us-east-1{&fps,width}",
    "method":"GET","templated":true},
    "snapshot/mjpg":{"href":"https://remix.us-east-1.prd.cam.simplisafe.com/v1/preview/6172311af9da430ab2e11c59f11b6abd/12345/time/1703882322/1703882326?account=611485993050&region=us-east-1{&fps,width}",
    "method":"GET","templated":true},"snapshot/jpg":{"href":"https://image-url{&width}","method":"GET","templated":true},
    "download/mp4":{"href":"https://clip-url","method":"GET"},
    "share":{"href":"https://remix.us-east-1.prd.cam.simplisafe.com/v2/share/6172311af9da430ab2e11c59f11b6abd/12345/time/1703882322/1703882332?account=611485993050&region=us-east-1",
    "method":"POST"},
    "playback/dash":{"href":"https://mediator.prd.cam.simplisafe.com/v1/recording/6172311af9da430ab2e11c59f11b6abd/12345/time/1703882322/1703882332/dash?account=611485993050&region=us-east-1",
    "method":"GET"},"playback/hls":{"href":"https://hls-url","method":"GET"}}}}}"#;

/// An event with code 1170, of a camera that has FLV in place of HLS.
pub(in crate::vendors::simplisafe) const MOTION_FLV: &str = r#"{"eventUuid":"xxx","eventTimestamp":1703882325,"eventCid":1170,"zoneCid":"1","sensorType":17,"sensorSerial":"f11b6abd",
    "account":"abcdef12","userId":12345,"sid":12345,"info":"Front Door Camera Detected Motion","pinName":"",
    "sensorName":"Front Door","messageSubject":"Camera Detected Motion",
    "messageBody":"Front Door Camera Detected Motion on 12/29/2023 at 12:38 PM","eventType":"activityCam","timezone":3,
    "locationOffset":-480,"internal":{"dispatcher":"my_dispatcher"},"senderId":"","eventId":38552328826,
    "serviceFeatures":{"monitoring":false,"alerts":true,"online":true,"hazard":false,"video":true,"cameras":10,"dispatch":false,
    "proInstall":false,"discount":0,"vipCS":false,"medical":false,"careVisit":false,"storageDays":30},"copsVideoOptIn":false,
    "videoStartedBy":"a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5d6","video":{"a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5d6":{"clipId":"998877665544",
    "preroll":5,"postroll":60,"cameraName":"Front Door","eventId":"38552328826","sid":12345,"timestamp":1703882325,
    "recordingType":"TEP","account":"abcdef12","region":"us-east-1","actualDuration":0,"status":"PENDING",
    "_links":{"_self":{"href":"https://chronicle.us-east-1.prd.cam.simplisafe.com/v1/recordings/998877665544","method":"GET"},
    "playback/flv":{"href":"https://flv-url","method":"GET"},"preview/mjpg":{"href":"https://preview-url","method":"GET"},
    "snapshot/mjpg":{"href":"https://snapshot-mjpg-url","method":"GET"},"snapshot/jpg":{"href":"https://snapshot-jpg-url",
    "method":"GET"},"download/mp4":{"href":"https://clip-url","method":"GET"},"share":{"href":"https://share-url",
    "method":"POST"}}}}}"#;

/// A page of the history.
pub(in crate::vendors::simplisafe) const EVENTS: &str = r#"{"numEvents":2,"lastEventTimestamp":1534035861,"events":[{"eventId":2921814837,"eventTimestamp":1534720376,"eventCid":3401,
    "zoneCid":"0","sensorType":1,"sensorSerial":"123","account":12345,"userId":12345,"sid":12345,
    "info":"System Armed (Away) by Keypad Garage Keypad","pinName":"","sensorName":"Garage Keypad",
    "messageSubject":"SimpliSafe System Armed (away mode)","messageBody":"System Armed (away mode)","eventType":"activity",
    "timezone":2,"locationOffset":-360,"videoStartedBy":"","video":{}},{"eventId":2920433155,"eventTimestamp":1534702778,
    "eventCid":1400,"zoneCid":"1","sensorType":1,"sensorSerial":"456","account":12345,"userId":12345,"sid":12345,
    "info":"System Disarmed by Master PIN","pinName":"Master PIN","sensorName":"Garage Keypad",
    "messageSubject":"SimpliSafe System Disarmed","messageBody":"System Disarmed","eventType":"activity","timezone":2,
    "locationOffset":-360,"videoStartedBy":"","video":{}}]}"#;

/// One system with two cameras; the second is that of the motion above.
pub(in crate::vendors::simplisafe) const SUBSCRIPTIONS: &str = r#"{"subscriptions":[{"uid":12345,"sid":12345,"sStatus":20,"activated":1445034752,"planSku":"SSEDSM2",
    "planName":"Interactive Monitoring","status":{"hasBaseStation":true,"isActive":true,"monitoring":"Active"},
    "location":{"sid":12345,"uid":12345,"account":"1234ABCD","street1":"1234 Main Street","locationOffset":-360,"timeZone":2,
    "system":{"serial":"1234ABCD","alarmState":"OFF","alarmStateTimestamp":0,"isAlarming":false,"version":3,
    "capabilities":{"setWifiOverCell":true,"setDoorbellChimeVolume":true,"outdoorBattCamera":true},"temperature":67,
    "exitDelayRemaining":60,"connType":"wifi","stateUpdated":1601502948,"messages":[{"_id":"xxxxxxxxxxxxxxxxxxxxxxxx",
    "id":"xxxxxxxxxxxxxxxxxxxxxxxx","textTemplate":"Power Outage - Backup battery in use.",
    "data":{"time":"2020-02-16T03:20:28+00:00"},"text":"Power Outage - Backup battery in use.","code":"2000","filters":[],
    "link":"http://link.to.info","linkLabel":"More Info","expiration":0,"category":"error","timestamp":1581823228}],
    "powerOutage":false,"lastPowerOutage":1581991064,"lastSuccessfulWifiTS":1601424776,"isOffline":false,
    "cameras":[{"model":"SS001","uuid":"1234567890","uid":12345,"sid":12345,"cameraSettings":{"cameraName":"Camera",
    "shutterHome":"closedAlarmOnly","shutterAway":"open","shutterOff":"closedAlarmOnly","privacyEnable":false,"pirEnable":true},
    "status":"online"},{"model":"SSOBCM4","uuid":"6172311af9da430ab2e11c59f11b6abd","uid":12345,"sid":12345,
    "cameraSettings":{"cameraName":"Back Yard"},"status":"offline"}]}}}]}"#;

/// A sensor of each kind that says something of its own.
pub(in crate::vendors::simplisafe) const SENSORS: &str = r#"{"account":12345,"success":true,"sensors":[{"type":5,"serial":"825","name":"Fire Door","setting":{"instantTrigger":false,
    "away2":1,"away":1,"home2":1,"home":1,"off":0},"status":{"triggered":false},"flags":{"swingerShutdown":false,
    "lowBattery":false,"offline":false}},{"type":13,"serial":"236","name":"Basement","setting":{"alarmVolume":3,"doorChime":0,
    "exitBeeps":0,"entryBeeps":2},"status":{},"flags":{"swingerShutdown":false,"lowBattery":false,"offline":false}},{"type":8,
    "serial":"93","name":"Upstairs","setting":{},"status":{"test":false,"tamper":false,"malfunction":false,"triggered":false},
    "flags":{"swingerShutdown":false,"lowBattery":false,"offline":false}},{"type":10,"serial":"320","name":"Basement",
    "setting":{"highTemp":95,"lowTemp":41,"alarm":1},"status":{"temperature":67,"triggered":false},
    "flags":{"swingerShutdown":false,"lowBattery":false,"offline":false}},{"type":4,"serial":"785","name":"Upstairs",
    "setting":{"instantTrigger":false,"away2":1,"away":1,"home2":0,"home":0,"off":0},"status":{},
    "flags":{"swingerShutdown":false,"lowBattery":false,"offline":false}},{"serial":"987","type":16,"status":{"pinPadState":0,
    "lockState":1,"pinPadOffline":false,"pinPadLowBattery":false,"lockDisabled":false,"lockLowBattery":false,
    "calibrationErrDelta":0,"calibrationErrZero":0,"lockJamState":0},"name":"Front Door","deviceGroupID":1,
    "firmwareVersion":"1.0.0","bootVersion":"1.0.0","setting":{"autoLock":3,"away":1,"home":1,"awayToOff":0,"homeToOff":1},
    "flags":{"swingerShutdown":false,"lowBattery":false,"offline":false}},{"serial":"987a","type":253,"status":{},
    "name":"Front Door","deviceGroupID":1,"setting":{},"flags":{"swingerShutdown":false,"lowBattery":false,"offline":false}},
    {"serial":"00000000","type":14,"name":"Kitchen","setting":{},"status":{"coTriggered":false,"malfunction":false,"tamper":true,
    "lowSensitivity":false,"endOfLife":false,"test":false,"smokeTriggered":false,"preSmokeAlarm":false},"timestamp":0,"rssi":-45,
    "WDTCount":23,"nonce":0,"rebootCnt":17,"deviceGroupID":0,"flags":{"offline":true,"lowBattery":false,
    "swingerShutdown":false}}],"lastUpdated":1534626361,"lastSynced":1534626361,"lastStatusUpdate":1534626358}"#;

/// The settings, with PINs in the place that they have.
pub(in crate::vendors::simplisafe) const SETTINGS: &str = r#"{"account":"12345012","settings":{"normal":{"wifiSSID":"MY_WIFI","alarmDuration":240,"alarmVolume":3,"doorChime":2,
    "entryDelayAway":30,"entryDelayAway2":30,"entryDelayHome":30,"entryDelayHome2":30,"exitDelayAway":60,"exitDelayAway2":60,
    "exitDelayHome":0,"exitDelayHome2":0,"lastUpdated":"2019-07-03T03:24:20.999Z","light":true,"voicePrompts":2,
    "_id":"1197192618725121765212"},"pins":{"duress":{"name":"Duress PIN","pin":"9876"},"master":{"name":"Master PIN",
    "pin":"1234"}}},"basestationStatus":{"lastUpdated":"2019-07-15T15:28:22.961Z","rfJamming":false,"ethernetStatus":4,
    "gsmRssi":-73,"gsmStatus":3,"backupBattery":5293,"wallPower":5933,"wifiRssi":-49,"wifiStatus":1,"_id":"6128153715231t237123",
    "encryptionErrors":[]},"lastUpdated":1562273264}"#;
