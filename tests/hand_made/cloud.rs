//! The hand-made cloud: a small state machine, written from what the provider publishes and not from the specs. It knows
//! ECS instances as the only thing that an Elastic IP address can be bound to.
//!
//! It shares nothing with eipcheck but the wire. Where its mistakes come in, `self.errs(…)` says so.

use std::{collections::BTreeMap, net::Ipv4Addr};

use serde_json::{Map, Value, json};

pub const REGION: &str = "cn-hangzhou";
const VPC: &str = "2016-04-28";
const ECS: &str = "2014-05-26";
/// For how many requests about it a thing stays in a state that it leaves by itself. Requests, not seconds: so it does
/// not matter how fast a test is.
const WHILE: u32 = 2;

/// What the cloud gets wrong on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// A second unassociation of an address that is Unassociating is accepted.
    UnassociatesTwice,
    /// An address is released while it is InUse.
    ReleasesWhileInUse,
    /// An address that is not there is answered with 400.
    NotFoundIs400,
    /// A second unassociation is refused with 409.
    ConflictIs409,
    /// A wrong InstanceType has the code of any wrong parameter.
    GeneralCodeForType,
    /// A wrong InstanceType is taken for the default.
    AnyType,
    /// A region that is not there does not matter.
    AnyRegion,
    /// A missing AllocationId is an address that is not there.
    MissingIsNotFound,
    /// InstanceId and InstanceType stay after the address is Available.
    KeepsBinding,
    /// The address of another instance is unassociated, the oldest that is bound.
    UnassociatesAnother,
    /// The instance that is named does not matter.
    AnyInstance,
    /// An instance that is not there does not matter.
    UnknownInstance,
    /// The type has no default: without one no instance is found.
    NoDefaultType,
    /// Without an InstanceId an address is not unassociated.
    InstanceIdRequired,
    /// Unassociating takes for ever.
    NeverAvailable,
    /// Unassociating does nothing.
    DoesNothing,
    /// Unassociating releases the address.
    Releases,
    /// An address is InUse as long as it is leaving.
    NeverUnassociating,
    /// An address that was released is still listed.
    ListsTheDead,
    /// TotalCount is how many addresses are on the page.
    CountsThePage,
    /// The filter by status does not matter.
    AnyStatus,
    /// A token does not matter.
    ForgetsTokens,
    /// Other parameters do not matter with the same token.
    TokenAlone,
    /// A token may hold anything.
    AnyToken,
    /// A successful answer has no RequestId.
    NoRequestId,
    /// Some answers have the RequestId of another.
    RepeatedRequestId,
    /// An error has no Code.
    NoErrorCode,
}

/// An error.
pub struct Refused {
    pub status: u16,
    pub code: String,
    pub message: String,
}

type Answer = Result<Map<String, Value>, Refused>;

fn refuse<T>(status: u16, code: &str, message: &str) -> Result<T, Refused> {
    Err(Refused { status, code: code.into(), message: message.into() })
}

/// A state that may be about to become another one.
#[derive(Clone)]
struct Status {
    now: &'static str,
    /// What comes next, the first in front.
    then: Vec<&'static str>,
    left: u32,
}

impl Status {
    fn is(now: &'static str) -> Status {
        Status { now, then: Vec::new(), left: 0 }
    }

    fn passing(now: &'static str, then: &[&'static str]) -> Status {
        Status { now, then: then.to_vec(), left: WHILE }
    }

    /// One more request is about it; true if it has become something else.
    fn passes(&mut self) -> bool {
        if self.then.is_empty() {
            return false;
        }
        self.left -= 1;
        if self.left > 0 {
            return false;
        }
        self.now = self.then.remove(0);
        self.left = WHILE;
        true
    }
}

struct Eip {
    ip: String,
    status: Status,
    /// The instance that it is bound to, or the IP address.
    instance: Option<String>,
    /// The VPC of the IP address that it is bound to.
    within: Option<String>,
    bandwidth: String,
    charge: String,
    name: String,
    description: String,
}

struct Instance {
    status: Status,
    vswitch: String,
    group: String,
    ip: String,
}

struct Vpc {
    status: Status,
    range: String,
}

struct VSwitch {
    status: Status,
    vpc: String,
    range: String,
    zone: String,
}

/// What is kept of a request with a token.
struct Done {
    parameters: BTreeMap<String, String>,
    answer: Map<String, Value>,
}

pub struct Cloud {
    pub wrong: Option<Mistake>,
    numbers: u64,
    eips: BTreeMap<String, Eip>,
    instances: BTreeMap<String, Instance>,
    vpcs: BTreeMap<String, Vpc>,
    vswitches: BTreeMap<String, VSwitch>,
    /// The VPC of each security group.
    groups: BTreeMap<String, String>,
    tokens: BTreeMap<(String, String), Done>,
}

/// The parameters of one request.
struct Asked<'p>(&'p BTreeMap<String, String>);

impl Asked<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }

    fn need(&self, name: &str) -> Result<&str, Refused> {
        let message =
            format!("The input parameter \"{name}\" that is mandatory for processing this request is not supplied.");
        self.get(name).map_or_else(|| refuse(400, "MissingParameter", &message), Ok)
    }

    fn flag(&self, name: &str) -> Result<bool, Refused> {
        match self.get(name).map(str::to_ascii_lowercase).as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => invalid(),
        }
    }

    fn number(&self, name: &str, default: usize, range: std::ops::RangeInclusive<usize>) -> Result<usize, Refused> {
        let Some(text) = self.get(name) else { return Ok(default) };
        text.parse().ok().filter(|n| range.contains(n)).map_or_else(invalid, Ok)
    }

    fn one_of(&self, name: &str, values: &[&str]) -> Result<Option<&str>, Refused> {
        match self.get(name) {
            Some(value) if !values.contains(&value) => invalid(),
            value => Ok(value),
        }
    }

    /// Ids in one text with commas between them; none if nothing is asked for.
    fn commas(&self, name: &str) -> Option<Vec<String>> {
        self.get(name).map(|text| text.split(',').map(|id| id.trim().to_owned()).collect())
    }

    /// Ids in an array of JSON.
    fn array(&self, name: &str) -> Result<Option<Vec<String>>, Refused> {
        let Some(text) = self.get(name) else { return Ok(None) };
        serde_json::from_str(text).map_or_else(|_| invalid(), |ids| Ok(Some(ids)))
    }

    /// The region must be known, if it is given.
    fn region(&self, code: &str) -> Result<(), Refused> {
        match self.get("RegionId") {
            None | Some(REGION | "cn-beijing" | "cn-shanghai" | "eu-central-1") => Ok(()),
            Some(_) => refuse(404, code, "Specified region is not found during access authentication."),
        }
    }

    fn token(&self) -> Result<Option<&str>, Refused> {
        match self.get("ClientToken") {
            Some(token) if !token.is_ascii() || token.len() > 64 => invalid(),
            token => Ok(token),
        }
    }
}

fn invalid<T>() -> Result<T, Refused> {
    refuse(400, "InvalidParameter", "The specified parameter is not valid.")
}

const TYPES: [&str; 6] = ["EcsInstance", "SlbInstance", "NetworkInterface", "Nat", "HaVip", "IpAddress"];

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("no object: {other}"),
    }
}

/// One page of a list, with its counts, in the wrapper that lists have.
fn page(asked: &Asked<'_>, most: usize, list: &str, element: &str, all: Vec<Value>) -> Answer {
    let number = asked.number("PageNumber", 1, 1..=usize::MAX)?;
    let size = asked.number("PageSize", 10, 1..=most)?;
    let total = all.len();
    let shown: Vec<Value> = all.into_iter().skip((number - 1).saturating_mul(size)).take(size).collect();
    let wrapped = Value::Object(Map::from_iter([(element.to_owned(), Value::Array(shown))]));
    let counts = json!({"PageNumber": number, "PageSize": size, "TotalCount": total, list: wrapped});
    Ok(object(counts))
}

impl Cloud {
    pub fn new(wrong: Option<Mistake>) -> Cloud {
        Cloud {
            wrong,
            numbers: 0,
            eips: BTreeMap::new(),
            instances: BTreeMap::new(),
            vpcs: BTreeMap::new(),
            vswitches: BTreeMap::new(),
            groups: BTreeMap::new(),
            tokens: BTreeMap::new(),
        }
    }

    fn errs(&self, mistake: Mistake) -> bool {
        self.wrong == Some(mistake)
    }

    /// A number that was not given before.
    pub fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    fn id(&mut self, prefix: &str) -> String {
        let number = self.number();
        format!("{prefix}-bp1{number:018}")
    }

    /// An answer but for the id of the request.
    pub fn answer(&mut self, action: &str, version: &str, parameters: &BTreeMap<String, String>) -> Answer {
        let asked = Asked(parameters);
        let of_ecs = ["RunInstances", "DescribeInstances", "DeleteInstance"].contains(&action)
            || ["CreateSecurityGroup", "DescribeSecurityGroups", "DeleteSecurityGroup"].contains(&action);
        if version != if of_ecs { ECS } else { VPC } {
            let message = "Specified api is not found, please check your url and method.";
            return refuse(404, "InvalidAction.NotFound", message);
        }
        match action {
            "DescribeRegions" => self.describe_regions(&asked),
            "AllocateEipAddress" => self.once(action, parameters, Cloud::allocate),
            "AssociateEipAddress" => self.once(action, parameters, Cloud::associate),
            "UnassociateEipAddress" => self.once(action, parameters, Cloud::unassociate),
            "ReleaseEipAddress" => self.release(&asked),
            "DescribeEipAddresses" => self.describe_eips(&asked),
            "CreateVpc" => self.create_vpc(&asked),
            "DescribeVpcs" => self.describe_vpcs(&asked),
            "DeleteVpc" => self.delete_vpc(&asked),
            "CreateVSwitch" => self.create_vswitch(&asked),
            "DescribeVSwitches" => self.describe_vswitches(&asked),
            "DeleteVSwitch" => self.delete_vswitch(&asked),
            "CreateSecurityGroup" => self.create_group(&asked),
            "DescribeSecurityGroups" => self.describe_groups(&asked),
            "DeleteSecurityGroup" => self.delete_group(&asked),
            "RunInstances" => self.run_instances(&asked),
            "DescribeInstances" => self.describe_instances(&asked),
            "DeleteInstance" => self.delete_instance(&asked),
            _ => refuse(404, "InvalidAction.NotFound", "Specified api is not found, please check your url and method."),
        }
    }

    /// Does what has a token only once.
    fn once(
        &mut self,
        action: &str,
        parameters: &BTreeMap<String, String>,
        act: fn(&mut Cloud, &Asked<'_>) -> Answer,
    ) -> Answer {
        let asked = Asked(parameters);
        let token = if self.errs(Mistake::AnyToken) { asked.get("ClientToken") } else { asked.token()? };
        let Some(token) = token.filter(|_| !self.errs(Mistake::ForgetsTokens)) else { return act(self, &asked) };
        let key = (action.to_owned(), token.to_owned());
        // What the kits send besides is no part of the request.
        let mut own = parameters.clone();
        own.retain(|name, _| !name.contains("Owner"));
        if let Some(done) = self.tokens.get(&key) {
            if done.parameters == own || self.errs(Mistake::TokenAlone) {
                return Ok(done.answer.clone());
            }
            return refuse(400, "IdempotentParameterMismatch", "The token was used with other parameters before.");
        }
        let answer = act(self, &asked)?;
        self.tokens.insert(key, Done { parameters: own, answer: answer.clone() });
        Ok(answer)
    }

    fn describe_regions(&mut self, asked: &Asked<'_>) -> Answer {
        asked.one_of("AcceptLanguage", &["zh-CN", "en-US"])?;
        let region =
            |id: &str| json!({"RegionId": id, "LocalName": id, "RegionEndpoint": format!("vpc.{id}.aliyuncs.com")});
        let regions: Vec<Value> = [REGION, "cn-beijing", "cn-shanghai", "eu-central-1"].map(region).into();
        Ok(object(json!({"Regions": {"Region": regions}})))
    }

    // --- Addresses -----------------------------------------------------------------------------------------------------

    fn allocate(&mut self, asked: &Asked<'_>) -> Answer {
        asked.need("RegionId")?;
        asked.region("InvalidRegionId.NotFound")?;
        asked.flag("AutoPay")?;
        for number in ["Period", "ActivityId"] {
            asked.number(number, 1, 1..=usize::MAX)?;
        }
        let bandwidth = asked.get("Bandwidth").unwrap_or("5");
        if !bandwidth.parse().is_ok_and(|b: u32| (1..=500).contains(&b)) {
            return refuse(400, "InvalidParameter", "Specified value of \"Bandwidth\" is not valid.");
        }
        let charge =
            asked.one_of("InternetChargeType", &["PayByBandwidth", "PayByTraffic"])?.unwrap_or("PayByBandwidth");
        if asked.one_of("InstanceChargeType", &["PrePaid", "PostPaid"])? == Some("PrePaid") {
            return refuse(400, "InsufficientBalance", "Your account does not have enough balance.");
        }
        let id = self.id("eip");
        let number = self.number();
        let eip = Eip {
            ip: format!("47.{}.{}.{}", number >> 16 & 255, number >> 8 & 255, number & 255),
            status: Status::is("Available"),
            instance: None,
            within: None,
            bandwidth: bandwidth.into(),
            charge: charge.into(),
            name: asked.get("Name").unwrap_or_default().into(),
            description: asked.get("Description").unwrap_or_default().into(),
        };
        let answer = json!({"AllocationId": id, "EipAddress": eip.ip, "ResourceGroupId": "rg-acfmxazb4ph6aiy"});
        self.eips.insert(id, eip);
        Ok(object(answer))
    }

    /// The address that a request is about. What is under way with it goes on.
    fn eip(&mut self, asked: &Asked<'_>) -> Result<String, Refused> {
        let id = match asked.get("AllocationId") {
            None if self.errs(Mistake::MissingIsNotFound) => "",
            _ => asked.need("AllocationId")?,
        };
        let message = "Specified allocation ID is not found";
        let status = if self.errs(Mistake::NotFoundIs400) { 400 } else { 404 };
        if !self.eips.contains_key(id) || self.eips[id].status.now == "Gone" {
            return refuse(status, "InvalidAllocationId.NotFound", message);
        }
        Ok(id.to_owned())
    }

    /// One more request has been about an address.
    fn goes_on(&mut self, id: &str) {
        let keeps = self.errs(Mistake::KeepsBinding);
        let Some(eip) = self.eips.get_mut(id) else { return };
        if !eip.status.passes() {
            return;
        }
        match eip.status.now {
            "Available" if !keeps => (eip.instance, eip.within) = (None, None),
            "Gone" if self.wrong != Some(Mistake::ListsTheDead) => {
                self.eips.remove(id);
            }
            _ => {}
        }
    }

    fn associate(&mut self, asked: &Asked<'_>) -> Answer {
        asked.need("AllocationId")?;
        let named = asked.need("InstanceId")?.to_owned();
        asked.region("Forbidden.RegionNotFound")?;
        let Some(kind) = TYPES.iter().find(|t| **t == asked.get("InstanceType").unwrap_or(TYPES[0])) else {
            return refuse(
                400,
                "InvalidInstanceType.ValueNotSupported",
                "The specified value of InstanceType is not supported.",
            );
        };
        let id = self.eip(asked)?;
        let status = self.eips[&id].status.now;
        self.goes_on(&id);
        let within = asked.get("VpcId").filter(|_| *kind == "IpAddress").map(str::to_owned);
        let known = match *kind {
            "IpAddress" => {
                named.parse::<Ipv4Addr>().is_ok() && within.as_ref().is_some_and(|v| self.vpcs.contains_key(v))
            }
            "EcsInstance" => self.instances.contains_key(&named),
            _ => false,
        };
        if !known {
            return refuse(404, "InvalidInstanId.NotFound", "Specified instance does not exist.");
        }
        if status != "Available" {
            return refuse(400, "IncorrectEipStatus", "Current elastic IP status does not support this operation");
        }
        if self.eips.values().any(|e| e.instance.as_ref() == Some(&named) && e.status.now != "Available") {
            return refuse(400, "InvalidAssociation.Duplicated", "Specified instance already is associated.");
        }
        if self.instances.get(&named).is_some_and(|instance| instance.status.now != "Running") {
            return refuse(400, "IncorrectInstanceStatus", "Current instance status does not support this operation.");
        }
        let eip = self.eips.get_mut(&id).unwrap();
        eip.instance = Some(named);
        eip.within = within;
        eip.status = Status::passing("Associating", &["InUse"]);
        Ok(Map::new())
    }

    fn unassociate(&mut self, asked: &Asked<'_>) -> Answer {
        asked.flag("Force")?;
        if !self.errs(Mistake::AnyRegion) {
            asked.region("Forbidden.RegionNotFound")?;
        }
        let kind = match asked.get("InstanceType") {
            Some(kind) if !TYPES.contains(&kind) && !self.errs(Mistake::AnyType) => {
                let message = "The specified value of InstanceType is not supported.";
                let general = self.errs(Mistake::GeneralCodeForType);
                let code = if general { "InvalidParameter" } else { "InvalidInstanceType.ValueNotSupported" };
                return refuse(400, code, message);
            }
            None if self.errs(Mistake::NoDefaultType) => "",
            kind => kind.unwrap_or("EcsInstance"),
        };
        let id = self.eip(asked)?;
        let status = self.eips[&id].status.now;
        self.goes_on(&id);
        let not_there = || refuse(400, "InvalidInstanceId.NotFound", "Specified instance does not exist.");
        let bound = self.eips.get(&id).and_then(|e| e.instance.clone());
        match asked.get("InstanceId") {
            None if self.errs(Mistake::InstanceIdRequired) => return asked.need("InstanceId").map(|_| Map::new()),
            Some(_) if kind == "IpAddress" => {}
            Some(named) if !self.instances.contains_key(named) && !self.errs(Mistake::UnknownInstance) => {
                return not_there();
            }
            Some(_) if kind.is_empty() => return not_there(),
            _ => {}
        }
        match status {
            "InUse" => {}
            "Unassociating" if self.errs(Mistake::UnassociatesTwice) => return Ok(Map::new()),
            "Unassociating" if self.errs(Mistake::ConflictIs409) => {
                return refuse(409, "TaskConflict", "TaskConflict.");
            }
            "Unassociating" => return refuse(400, "TaskConflict", "The eip operate too frequent, TaskConflict."),
            _ => {
                return refuse(400, "IncorrectEipStatus", "Current elastic IP status does not support this operation.");
            }
        }
        let other = asked.get("InstanceId").is_some_and(|named| Some(named) != bound.as_deref());
        let mind = !self.errs(Mistake::AnyInstance) && !self.errs(Mistake::UnknownInstance);
        if other && mind {
            return refuse(400, "InvalidBindingStatus", "The eip binding status invalid.");
        }
        let mut which = id;
        if self.errs(Mistake::UnassociatesAnother) {
            let bound = self.eips.iter().find(|(_, e)| e.status.now == "InUse").map(|(id, _)| id.clone());
            which = bound.unwrap_or(which);
        }
        self.leave(&which);
        Ok(Map::new())
    }

    /// An address begins to leave what it is bound to.
    fn leave(&mut self, id: &str) {
        let wrong = self.wrong;
        let Some(eip) = self.eips.get_mut(id) else { return };
        match wrong {
            Some(Mistake::DoesNothing) => {}
            Some(Mistake::Releases) => {
                self.eips.remove(id);
            }
            Some(Mistake::NeverAvailable) => eip.status = Status::is("Unassociating"),
            Some(Mistake::NeverUnassociating) => eip.status = Status::passing("InUse", &["Available"]),
            // Long enough to be looked at before and after something is refused.
            _ => eip.status = Status { left: WHILE + 1, ..Status::passing("Unassociating", &["Available"]) },
        }
    }

    fn release(&mut self, asked: &Asked<'_>) -> Answer {
        asked.need("AllocationId")?;
        asked.region("Forbidden.RegionNotFound")?;
        let id = self.eip(asked)?;
        let status = self.eips[&id].status.now;
        self.goes_on(&id);
        let wrongly = status == "InUse" && self.errs(Mistake::ReleasesWhileInUse);
        if status != "Available" && !wrongly {
            return refuse(400, "IncorrectEipStatus", "Current elastic IP status does not support this operation.");
        }
        if let Some(eip) = self.eips.get_mut(&id) {
            eip.status = Status::passing("Releasing", &["Gone"]);
        }
        Ok(Map::new())
    }

    fn describe_eips(&mut self, asked: &Asked<'_>) -> Answer {
        asked.need("RegionId")?;
        asked.region("Forbidden.RegionNotFound")?;
        let states = ["Associating", "Unassociating", "InUse", "Available", "Releasing"];
        let status = asked.one_of("Status", &states)?.filter(|_| !self.errs(Mistake::AnyStatus));
        let instance = asked.get("AssociatedInstanceId");
        let supported = |name: &str, values: &[&str], code: &str| match asked.get(name) {
            Some(value) if !values.contains(&value) => refuse(400, code, "The specified value is not supported."),
            value => Ok(value),
        };
        let kind = supported("AssociatedInstanceType", &TYPES, "InvalidIAssociatedInstanceType.ValueNotSupported")?;
        supported("ChargeType", &["PostPaid", "PrePaid"], "InvalidChargeType.ValueNotSupported")?;
        if asked.one_of("LockReason", &["financial", "security"]).is_err() {
            return refuse(404, "InvalidLockReason.NotFound", "The specified lock reason is not found.");
        }
        for flag in ["DryRun", "IncludeReservationData", "SecurityProtectionEnabled", "ServiceManaged"] {
            asked.flag(flag)?;
        }
        let (ids, ips) = (asked.commas("AllocationId"), asked.commas("EipAddress"));
        let chosen: Vec<String> = self
            .eips
            .iter()
            .filter(|(id, _)| ids.as_ref().is_none_or(|ids| ids.contains(id)))
            .filter(|(_, e)| ips.as_ref().is_none_or(|ips| ips.contains(&e.ip)))
            .filter(|(_, e)| status.is_none_or(|s| s == e.status.now))
            .filter(|(_, e)| instance.is_none_or(|i| e.instance.as_deref() == Some(i)))
            .filter(|(_, e)| {
                kind.is_none_or(|k| {
                    e.instance.is_some() && k == if e.within.is_some() { "IpAddress" } else { "EcsInstance" }
                })
            })
            .map(|(id, _)| id.clone())
            .collect();
        let all = chosen.iter().map(|id| self.show_eip(id)).collect();
        let mut answer = page(asked, 100, "EipAddresses", "EipAddress", all)?;
        if self.errs(Mistake::CountsThePage) {
            let shown = answer["EipAddresses"]["EipAddress"].as_array().unwrap().len();
            answer.insert("TotalCount".into(), shown.into());
        }
        for id in chosen {
            self.goes_on(&id);
        }
        Ok(answer)
    }

    fn show_eip(&self, id: &str) -> Value {
        let eip = &self.eips[id];
        let instance = eip.instance.clone().unwrap_or_default();
        let kind = if eip.within.is_some() { "IpAddress" } else { "EcsInstance" };
        json!({
            "AllocationId": id,
            "IpAddress": eip.ip,
            "Status": if eip.status.now == "Gone" { "Available" } else { eip.status.now },
            "InstanceType": if instance.is_empty() { "" } else { kind },
            "VpcId": eip.within.as_deref().unwrap_or_default(),
            "InstanceRegionId": if instance.is_empty() { "" } else { REGION },
            "InstanceId": instance,
            "PrivateIpAddress": "",
            "RegionId": REGION,
            "Bandwidth": eip.bandwidth,
            "EipBandwidth": eip.bandwidth,
            "InternetChargeType": eip.charge,
            "ChargeType": "PostPaid",
            "BusinessStatus": "Normal",
            "AllocationTime": "2026-06-19T08:00:00Z",
            "ExpiredTime": "",
            "Name": eip.name,
            "Description": eip.description,
            "ISP": "BGP",
            "Netmode": "public",
            "ResourceGroupId": "rg-acfmxazb4ph6aiy",
            "DeletionProtection": false,
            "SecondLimited": false,
            "ServiceManaged": 0,
            "OperationLocks": {"LockReason": []},
            "Tags": {"Tag": []},
        })
    }

    // --- Networks ------------------------------------------------------------------------------------------------------

    fn create_vpc(&mut self, asked: &Asked<'_>) -> Answer {
        asked.need("RegionId")?;
        asked.region("InvalidRegionId.NotFound")?;
        let id = self.id("vpc");
        let range = asked.get("CidrBlock").unwrap_or("172.16.0.0/12").to_owned();
        self.vpcs.insert(id.clone(), Vpc { status: Status::passing("Pending", &["Available"]), range });
        Ok(object(json!({"VpcId": id, "VRouterId": "vrt-bp1", "RouteTableId": "vtb-bp1"})))
    }

    fn describe_vpcs(&mut self, asked: &Asked<'_>) -> Answer {
        asked.need("RegionId")?;
        let ids = asked.commas("VpcId");
        let mut all = Vec::new();
        for (id, vpc) in self.vpcs.iter_mut().filter(|(id, _)| ids.as_ref().is_none_or(|ids| ids.contains(id))) {
            let own = self.vswitches.iter().filter(|(_, s)| s.vpc == *id).map(|(id, _)| id.clone());
            all.push(json!({
                "VpcId": id, "Status": vpc.status.now, "CidrBlock": vpc.range, "RegionId": REGION, "IsDefault": false,
                "VpcName": "", "Description": "", "VSwitchIds": {"VSwitchId": own.collect::<Vec<_>>()},
                "CreationTime": "2026-06-19T08:00:00Z",
            }));
            vpc.status.passes();
        }
        page(asked, 50, "Vpcs", "Vpc", all)
    }

    /// The VPC that a request is about, and whether it is available.
    fn vpc(&mut self, asked: &Asked<'_>) -> Result<(String, bool), Refused> {
        let id = asked.need("VpcId")?;
        let Some(vpc) = self.vpcs.get_mut(id) else {
            return refuse(404, "InvalidVpcId.NotFound", "Specified VPC does not exist.");
        };
        let available = vpc.status.now == "Available";
        vpc.status.passes();
        Ok((id.to_owned(), available))
    }

    fn delete_vpc(&mut self, asked: &Asked<'_>) -> Answer {
        let (id, available) = self.vpc(asked)?;
        if !available {
            return refuse(400, "IncorrectVpcStatus", "Current VPC status does not support this operation.");
        }
        if self.vswitches.values().any(|s| s.vpc == id) {
            return refuse(400, "DependencyViolation.VSwitch", "Specified object has dependent resources.");
        }
        if self.groups.values().any(|vpc| *vpc == id) {
            return refuse(400, "DependencyViolation.SecurityGroup", "Specified object has dependent resources.");
        }
        self.vpcs.remove(&id);
        Ok(Map::new())
    }

    fn create_vswitch(&mut self, asked: &Asked<'_>) -> Answer {
        let (zone, range) = (asked.need("ZoneId")?.to_owned(), asked.need("CidrBlock")?.to_owned());
        let (vpc, _) = self.vpc(asked)?;
        if !zone.starts_with(REGION) {
            return refuse(404, "InvalidZoneId.NotFound", "Specified value of \"ZoneId\" does not exist.");
        }
        if self.vswitches.values().any(|s| s.vpc == vpc && s.range == range) {
            return refuse(400, "InvalidCidrBlock.Overlapped", "Specified CIDR block overlapped with other subnets.");
        }
        let id = self.id("vsw");
        self.vswitches
            .insert(id.clone(), VSwitch { status: Status::passing("Pending", &["Available"]), vpc, range, zone });
        Ok(object(json!({"VSwitchId": id})))
    }

    fn describe_vswitches(&mut self, asked: &Asked<'_>) -> Answer {
        let (ids, vpc) = (asked.get("VSwitchId"), asked.get("VpcId"));
        if vpc.is_none() {
            asked.need("RegionId")?;
        }
        let mut all = Vec::new();
        let chosen = self.vswitches.iter_mut().filter(|(id, _)| ids.is_none_or(|i| i == *id));
        for (id, vswitch) in chosen.filter(|(_, s)| vpc.is_none_or(|vpc| vpc == s.vpc)) {
            all.push(json!({
                "VSwitchId": id, "VpcId": vswitch.vpc, "Status": vswitch.status.now, "CidrBlock": vswitch.range,
                "ZoneId": vswitch.zone, "IsDefault": false, "VSwitchName": "", "Description": "",
                "AvailableIpAddressCount": 252, "CreationTime": "2026-06-19T08:00:00Z",
            }));
            vswitch.status.passes();
        }
        page(asked, 50, "VSwitches", "VSwitch", all)
    }

    fn delete_vswitch(&mut self, asked: &Asked<'_>) -> Answer {
        let id = asked.need("VSwitchId")?;
        let Some(vswitch) = self.vswitches.get_mut(id) else {
            return refuse(404, "InvalidVSwitchId.NotFound", "Specified VSwitch does not exist.");
        };
        let available = vswitch.status.now == "Available";
        vswitch.status.passes();
        if !available {
            return refuse(400, "IncorrectVSwitchStatus", "Current VSwitch status does not support this operation.");
        }
        if self.instances.values().any(|i| i.vswitch == id) {
            return refuse(400, "DependencyViolation", "Specified object has dependent resources.");
        }
        self.vswitches.remove(id);
        Ok(Map::new())
    }

    fn create_group(&mut self, asked: &Asked<'_>) -> Answer {
        asked.need("RegionId")?;
        let (vpc, _) = self.vpc(asked)?;
        let id = self.id("sg");
        self.groups.insert(id.clone(), vpc);
        Ok(object(json!({"SecurityGroupId": id})))
    }

    fn describe_groups(&mut self, asked: &Asked<'_>) -> Answer {
        asked.need("RegionId")?;
        let ids = asked.array("SecurityGroupIds")?;
        let chosen = self.groups.iter().filter(|(id, _)| ids.as_ref().is_none_or(|ids| ids.contains(id)));
        let all = chosen.map(|(id, vpc)| {
            json!({"SecurityGroupId": id, "VpcId": vpc, "SecurityGroupName": "", "SecurityGroupType": "normal", "Description": ""})
        });
        page(asked, 100, "SecurityGroups", "SecurityGroup", all.collect())
    }

    fn delete_group(&mut self, asked: &Asked<'_>) -> Answer {
        asked.need("RegionId")?;
        let id = asked.need("SecurityGroupId")?;
        if !self.groups.contains_key(id) {
            return refuse(404, "InvalidSecurityGroupId.NotFound", "The specified SecurityGroupId does not exist.");
        }
        if self.instances.values().any(|i| i.group == id) {
            return refuse(403, "DependencyViolation", "There is still instance(s) in the specified security group.");
        }
        self.groups.remove(id);
        Ok(Map::new())
    }

    // --- Instances -----------------------------------------------------------------------------------------------------

    fn run_instances(&mut self, asked: &Asked<'_>) -> Answer {
        asked.need("RegionId")?;
        asked.need("ImageId")?;
        asked.need("InstanceType")?;
        let (vswitch, group) = (asked.need("VSwitchId")?.to_owned(), asked.need("SecurityGroupId")?.to_owned());
        let Some(within) = self.vswitches.get_mut(&vswitch) else {
            return refuse(404, "InvalidVSwitchId.NotFound", "Specified vSwitch does not exist.");
        };
        within.status.passes();
        let Some(vpc) = self.groups.get(&group) else {
            return refuse(404, "InvalidSecurityGroupId.NotFound", "The specified SecurityGroupId does not exist.");
        };
        if *vpc != within.vpc {
            let message = "The specified security group and vSwitch are not in the same VPC.";
            return refuse(400, "InvalidVSwitchId.NotSameVpc", message);
        }
        let id = self.id("i");
        let number = self.number();
        let status = Status::passing("Pending", &["Starting", "Running"]);
        let ip = format!("10.0.{}.{}", number >> 8 & 255, number & 255);
        self.instances.insert(id.clone(), Instance { status, vswitch, group, ip });
        Ok(object(json!({"InstanceIdSets": {"InstanceIdSet": [id]}})))
    }

    fn describe_instances(&mut self, asked: &Asked<'_>) -> Answer {
        asked.need("RegionId")?;
        let ids = asked.array("InstanceIds")?;
        let mut all = Vec::new();
        for (id, instance) in
            self.instances.iter_mut().filter(|(id, _)| ids.as_ref().is_none_or(|ids| ids.contains(id)))
        {
            let eip = self.eips.iter().find(|(_, e)| e.instance.as_deref() == Some(id));
            let (allocation, address) = eip.map(|(id, e)| (id.clone(), e.ip.clone())).unwrap_or_default();
            let vpc = self.vswitches.get(&instance.vswitch).map(|s| s.vpc.clone()).unwrap_or_default();
            all.push(json!({
                "InstanceId": id,
                "Status": instance.status.now,
                "RegionId": REGION,
                "VpcAttributes": {
                    "VpcId": vpc,
                    "VSwitchId": instance.vswitch,
                    "PrivateIpAddress": {"IpAddress": [instance.ip]},
                    "NatIpAddress": "",
                },
                "EipAddress": {"AllocationId": allocation, "IpAddress": address},
                "SecurityGroupIds": {"SecurityGroupId": [instance.group]},
                "InstanceType": "ecs.g7.large",
                "InstanceNetworkType": "vpc",
                "CreationTime": "2026-06-19T08:00Z",
                "ExpiredTime": "2099-12-31T15:59Z",
            }));
            instance.status.passes();
        }
        page(asked, 100, "Instances", "Instance", all)
    }

    fn delete_instance(&mut self, asked: &Asked<'_>) -> Answer {
        let force = asked.flag("Force")?;
        let id = asked.need("InstanceId")?;
        let Some(instance) = self.instances.get_mut(id) else {
            return refuse(404, "InvalidInstanceId.NotFound", "The specified InstanceId does not exist.");
        };
        let status = instance.status.now;
        instance.status.passes();
        match status {
            "Running" | "Stopped" if force || status == "Stopped" => {}
            "Pending" | "Starting" => {
                let message = "The specified instance status does not support this operation.";
                return refuse(403, "IncorrectInstanceStatus.Initializing", message);
            }
            _ => {
                let message = "The current status of the resource does not support this operation.";
                return refuse(403, "IncorrectInstanceStatus", message);
            }
        }
        self.instances.remove(id);
        // An address stays InUse for a while after its instance.
        for eip in self.eips.values_mut().filter(|e| e.instance.as_deref() == Some(id)) {
            match eip.status.now {
                "Releasing" => eip.instance = None,
                _ => eip.status = Status::passing("InUse", &["Available"]),
            }
        }
        Ok(Map::new())
    }
}
