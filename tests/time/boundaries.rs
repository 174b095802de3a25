//! The oracle against the law's own model at exact moments, without a network: at, before and after each bound, with
//! requests that take as long as it pleases.

use std::sync::{Arc, LazyLock};

use eipcheck::{
    model::{
        forward::{Dice, Forward},
        time::{Interval, Moment},
    },
    oracle::{
        Oracle, Settings, handles,
        judge::{Judgement, Verdict},
    },
    run::TOLERANCE,
    scenario::{
        atlas::Atlas,
        step::{Call, Symbol},
    },
    spec::{Law, SpecSource, load},
    wire::{Answer, Request},
};

use crate::law_with;

const BY_THE_END: &str = "nat-disassociate-deadline";
const AT_THE_END: &str = "nat-disassociate-end";

/// The laws by which the oracle judges.
static LENIENT: LazyLock<Arc<Law>> = LazyLock::new(|| Arc::new(load(&SpecSource::BuiltIn, "ec2", &[]).unwrap()));
static STRICT: LazyLock<Arc<Law>> = LazyLock::new(|| {
    let strict = ("drain-end".to_owned(), "at-the-end".to_owned());
    Arc::new(load(&SpecSource::BuiltIn, "ec2", &[strict]).unwrap())
});

/// The law of a server that lets addresses go so many seconds after it was asked to.
fn server(seconds: &str) -> Arc<Law> {
    let folder = law_with(seconds);
    Arc::new(load(&SpecSource::Folder(folder.path().to_owned()), "ec2", &[]).unwrap())
}

const WINDOW: &str = "input.MaxDrainDurationSeconds";

/// Seconds as microseconds.
fn micros(seconds: f64) -> u64 {
    (seconds * 1e6) as u64
}

/// A server and its judge.
#[derive(Clone)]
struct Talk {
    server: Forward,
    oracle: Oracle,
    now: f64,
    /// What the oracle found first, the rule or the reason why it cannot tell.
    found: Option<Result<String, String>>,
}

impl Talk {
    /// A public NAT gateway with so many secondary addresses, all of them there.
    fn with_gateway(server: &Arc<Law>, judge: &Arc<Law>, secondary: usize) -> Talk {
        let oracle = Oracle::new(judge.clone(), Settings { tolerance: TOLERANCE, muted: Arc::default() });
        let mut talk = Talk { server: Forward::new(server.clone(), 1), oracle, now: 1.0, found: None };
        talk.ask("CreateInternetGateway", &[]);
        talk.ask("CreateVpc", &[("CidrBlock", "10.0.0.0/16")]);
        talk.ask("AttachInternetGateway", &[("InternetGatewayId", "internet_gateway#1"), ("VpcId", "vpc#1")]);
        talk.ask("CreateSubnet", &[("CidrBlock", "10.0.1.0/24"), ("VpcId", "vpc#1")]);
        talk.ask("AllocateAddress", &[]);
        talk.ask("CreateNatGateway", &[("SubnetId", "subnet#1"), ("AllocationId", "address#1")]);
        talk.look_at_changing();
        for number in 0..secondary {
            talk.ask("AllocateAddress", &[]);
            let address = format!("[address#{}]", number + 2);
            talk.ask("AssociateNatGatewayAddress", &[("AllocationIds", &address), ("NatGatewayId", "nat_gateway#1")]);
            talk.look_at_changing();
        }
        assert!(talk.found.is_none(), "{:?}", talk.found);
        talk
    }

    fn symbol(&self, text: &str) -> Symbol {
        let law = self.oracle.law();
        if let Some(list) = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')) {
            return Symbol::List(list.split(' ').map(|t| self.symbol(t)).collect());
        }
        match handles::parse(law, text) {
            Some((kind, ordinal)) => Symbol::Of { kind, ordinal, field: law[kind].id.unwrap() },
            None => Symbol::Text(text.into()),
        }
    }

    fn request(&self, operation: &str, args: &[(&str, &str)]) -> Request {
        let law = self.oracle.law();
        let operation = law.operation(operation).unwrap();
        let args = args.iter().map(|(name, text)| ((*name).into(), self.symbol(text))).collect();
        Call { operation, args }.resolve(law, self.oracle.worlds(), "t").unwrap()
    }

    fn ask(&mut self, operation: &str, args: &[(&str, &str)]) {
        self.ask_slowly(operation, args, 0.001, 0.001);
    }

    /// A request that reaches the server so late, and whose answer takes so long.
    fn ask_slowly(&mut self, operation: &str, args: &[(&str, &str)], there: f64, back: f64) {
        let request = self.request(operation, args);
        self.send(&request, there, back);
    }

    fn send(&mut self, request: &Request, there: f64, back: f64) {
        if self.found.is_some() {
            return;
        }
        let from = self.now;
        let answer = self.server.answer(request, Moment(micros(from + there)));
        self.now = from + there + back;
        self.judge(request, from, &answer);
        self.now += 0.001;
    }

    fn judge(&mut self, request: &Request, from: f64, answer: &Answer) {
        let interval = Interval { from: Moment(micros(from)), to: Moment(micros(self.now)) };
        let Judgement { verdict, .. } = self.oracle.judge(request, interval, answer);
        self.found = match verdict {
            Verdict::Explained => None,
            Verdict::Violation(violation) => Some(Ok(self.oracle.law()[violation.rule].id.to_string())),
            Verdict::Indeterminate(why) => Some(Err(why)),
        };
    }

    fn look(&mut self) {
        self.ask("DescribeNatGateways", &[("NatGatewayIds", "[nat_gateway#1]")]);
    }

    /// Looks at everything that is under way.
    fn look_at_changing(&mut self) {
        let law = self.oracle.law().clone();
        let atlas = Atlas::new(&law, |_| true);
        for look in atlas.looks_at_changing(&law, self.oracle.worlds()) {
            let request = look.resolve(&law, self.oracle.worlds(), "t").unwrap();
            self.send(&request, 0.001, 0.001);
        }
    }

    fn look_slowly(&mut self, there: f64, back: f64) {
        self.ask_slowly("DescribeNatGateways", &[("NatGatewayIds", "[nat_gateway#1]")], there, back);
    }

    /// Looks so many seconds after a moment.
    fn look_at(&mut self, begun: f64, after: f64) {
        self.now = begun + after;
        self.look();
    }

    /// Asks for the secondary addresses of these numbers to leave, within so many seconds if a number is given. When.
    fn drain(&mut self, secondary: &[usize], window: Option<i64>) -> f64 {
        let begun = self.now;
        let ids: Vec<String> = secondary.iter().map(|n| format!("association#{}", n + 1)).collect();
        let (ids, window) = (format!("[{}]", ids.join(" ")), window.map(|w| w.to_string()));
        let mut args = vec![("AssociationIds", ids.as_str()), ("NatGatewayId", "nat_gateway#1")];
        args.extend(window.iter().map(|w| ("MaxDrainDurationSeconds", w.as_str())));
        self.ask("DisassociateNatGatewayAddress", &args);
        begun
    }

    /// The rule that was found broken.
    #[track_caller]
    fn broken(&self) -> Option<&str> {
        self.found.as_ref().map(|found| found.as_deref().expect("it can be told"))
    }
}

#[test]
fn each_bound_is_kept_to_the_second_for_given_and_default_windows_and_several_addresses() {
    let servers: Vec<(i64, Arc<Law>)> =
        [-1, 0, 1, 6].into_iter().map(|late| (late, server(&format!("{WINDOW} + {late}")))).collect();
    for (window, seconds) in [(None, 350), (Some(1), 1), (Some(3), 3), (Some(4000), 4000)] {
        for count in 1..=3 {
            let all: Vec<usize> = (1..=count).collect();
            for (late, server) in &servers {
                for (judge, rule) in [(&*LENIENT, BY_THE_END), (&*STRICT, AT_THE_END)] {
                    let strict = rule == AT_THE_END;
                    let mut talk = Talk::with_gateway(server, judge, count);
                    let begun = talk.drain(&all, window);
                    // Just after a second before the bound (the earliest moment, less half a second, is still to come).
                    talk.look_at(begun, seconds as f64 - 0.9);
                    let early = (*late < 0 && strict).then_some(rule);
                    assert_eq!(talk.broken(), early, "{window:?} {count} {late}");
                    for after in [0.0, 1.1, 5.5] {
                        talk.look_at(begun, seconds as f64 + after);
                    }
                    let wrong = (*late > 5 || early.is_some()).then_some(rule);
                    assert_eq!(talk.broken(), wrong, "{window:?} {count} {late}");
                }
            }
        }
    }
}

#[test]
fn an_address_that_leaves_before_the_others_is_too_early_as_well() {
    let server = server(&format!("it.association == targets[0] ? 0 : {WINDOW}"));
    let mut talk = Talk::with_gateway(&server, &STRICT, 2);
    let begun = talk.drain(&[1, 2], Some(3));
    talk.look_at(begun, 1.0);
    assert_eq!(talk.broken(), Some(AT_THE_END));
    let mut talk = Talk::with_gateway(&server, &LENIENT, 2);
    let begun = talk.drain(&[1, 2], Some(3));
    talk.look_at(begun, 1.0);
    talk.look_at(begun, 9.0);
    assert_eq!(talk.broken(), None);
}

#[test]
fn a_gateway_may_be_deleted_while_an_address_is_leaving() {
    for judge in [&*LENIENT, &*STRICT] {
        for when in [0.5, 2.9, 3.0, 3.1, 9.0] {
            let mut talk = Talk::with_gateway(&server(WINDOW), judge, 2);
            let begun = talk.drain(&[1], Some(3));
            talk.now = begun + when;
            talk.ask("DeleteNatGateway", &[("NatGatewayId", "nat_gateway#1")]);
            for after in [0.1, 4.0, 700.0] {
                talk.look_at(begun, when + after);
            }
            assert_eq!(talk.broken(), None, "{when}");
        }
    }
}

#[test]
fn a_second_drain_has_a_window_of_its_own() {
    // Six seconds late, but only the second time.
    let (right, late) = (server(WINDOW), server(&format!("{WINDOW} == 3 ? 3 : {WINDOW} + 6")));
    for (judge, rule) in [(&*LENIENT, BY_THE_END), (&*STRICT, AT_THE_END)] {
        let mut talk = Talk::with_gateway(&right, judge, 2);
        let begun = talk.drain(&[1], Some(3));
        talk.look_at(begun, 8.1);
        let begun = talk.drain(&[2], Some(5));
        for after in [1.0, 4.0, 5.0, 10.2] {
            talk.look_at(begun, after);
        }
        assert_eq!(talk.broken(), None);
        let mut talk = Talk::with_gateway(&late, judge, 2);
        let begun = talk.drain(&[1], Some(3));
        talk.look_at(begun, 8.1);
        assert_eq!(talk.broken(), None);
        let begun = talk.drain(&[2], Some(5));
        talk.look_at(begun, 10.2);
        assert_eq!(talk.broken(), Some(rule));
    }
}

#[test]
fn no_right_server_is_blamed_however_slow_its_answers_are() {
    let servers = ["0", "1", WINDOW].map(server);
    let strict = server(WINDOW);
    let mut told = 0;
    for seed in 0..1500 {
        let mut dice = Dice::new(seed);
        let at_the_end = dice.below(3) == 0;
        let (judge, law) = if at_the_end { (&*STRICT, &strict) } else { (&*LENIENT, &servers[dice.below(3)]) };
        let count = 1 + dice.below(3);
        let mut talk = Talk::with_gateway(law, judge, count);
        let delay = |dice: &mut Dice| [0.0, 0.01, 0.4, 1.0, 2.5, 20.0][dice.below(6)] + dice.below(1000) as f64 / 1e6;
        for round in 0..2 {
            let all: Vec<String> = (1..=count).map(|n| format!("association#{}", n + 1)).collect();
            let ids = format!("[{}]", all[..1 + dice.below(count)].join(" "));
            let window = (1 + dice.below(4)).to_string();
            let args = [
                ("AssociationIds", ids.as_str()),
                ("NatGatewayId", "nat_gateway#1"),
                ("MaxDrainDurationSeconds", &window),
            ];
            if round == 0 {
                let (there, back) = (delay(&mut dice), delay(&mut dice));
                talk.ask_slowly("DisassociateNatGatewayAddress", &args, there, back);
            } else if dice.below(2) == 0 {
                talk.ask_slowly("DeleteNatGateway", &[("NatGatewayId", "nat_gateway#1")], delay(&mut dice), 0.01);
            }
            for _ in 0..4 {
                talk.now += delay(&mut dice);
                let (there, back) = (delay(&mut dice), delay(&mut dice));
                talk.look_slowly(there, back);
            }
        }
        assert!(talk.found.is_none(), "seed {seed}: {:?}", talk.found);
        told += 1;
    }
    assert_eq!(told, 1500);
}

#[test]
fn many_addresses_that_leave_at_once_do_not_multiply_what_is_possible() {
    for count in [8, 10] {
        let mut talk = Talk::with_gateway(&server("2"), &LENIENT, count);
        let before = talk.oracle.worlds().len();
        let all: Vec<usize> = (1..=count).collect();
        let begun = talk.drain(&all, Some(60));
        // Requests that show nothing of them leave as many worlds as there were.
        for _ in 0..4 {
            talk.ask("AllocateAddress", &[]);
            assert_eq!((talk.oracle.worlds().len(), talk.broken()), (before, None));
        }
        talk.look_at(begun, 5.0);
        talk.look_at(begun, 66.0);
        assert_eq!((talk.oracle.worlds().len(), talk.broken()), (before, None));
        assert_eq!(talk.oracle.most_worlds(), 1 << count);
    }
}

#[test]
fn more_than_can_be_kept_is_indeterminate() {
    let mut talk = Talk::with_gateway(&server("2"), &LENIENT, 11);
    let all: Vec<usize> = (1..=11).collect();
    let begun = talk.drain(&all, Some(60));
    talk.look_at(begun, 5.0);
    let why = talk.found.unwrap().unwrap_err();
    assert_eq!(why, "more than 1024 states are possible at once");
}

/// A drain whose request was never answered: done by the server so many seconds later, or not at all.
fn unanswered(judge: &Arc<Law>, done_after: Option<f64>) -> Talk {
    let mut talk = Talk::with_gateway(&server(WINDOW), judge, 2);
    let args =
        [("AssociationIds", "[association#2]"), ("NatGatewayId", "nat_gateway#1"), ("MaxDrainDurationSeconds", "3")];
    let request = talk.request("DisassociateNatGatewayAddress", &args);
    let begun = talk.now;
    talk.oracle.unanswered(&request, Moment(micros(begun)));
    let mut done = false;
    for after in [0.5, 2.0, 5.0, 30.0, 31.0, 35.0, 60.0] {
        if let Some(when) = done_after.filter(|when| *when < after && !done) {
            talk.server.answer(&request, Moment(micros(begun + when)));
            done = true;
        }
        talk.look_at(begun, after);
    }
    talk
}

#[test]
fn a_request_without_an_answer_may_have_been_done_at_any_time_or_never() {
    for judge in [&*LENIENT, &*STRICT] {
        for done_after in [None, Some(0.1), Some(1.0), Some(4.0), Some(29.0), Some(40.0)] {
            assert_eq!(unanswered(judge, done_after).broken(), None, "{done_after:?}");
        }
    }
}

#[test]
fn a_request_without_an_answer_excuses_nothing_else() {
    let mut talk = unanswered(&LENIENT, Some(1.0));
    // The other address leaves without having been asked to.
    let other =
        [("AssociationIds", "[association#3]"), ("NatGatewayId", "nat_gateway#1"), ("MaxDrainDurationSeconds", "1")];
    let request = talk.request("DisassociateNatGatewayAddress", &other);
    talk.server.answer(&request, Moment(micros(talk.now)));
    let now = talk.now;
    talk.look_at(now, 3.0);
    assert!(talk.broken().is_some());
}

#[test]
fn what_is_looked_at_confirms_the_rule_of_the_change() {
    let law = &*STRICT;
    let mut talk = Talk::with_gateway(&server(WINDOW), law, 1);
    let begun = talk.drain(&[1], Some(3));
    talk.look_at(begun, 2.0);
    let request = talk.request("DescribeNatGateways", &[("NatGatewayIds", "[nat_gateway#1]")]);
    talk.now = begun + 9.0;
    let answer = talk.server.answer(&request, Moment(micros(talk.now)));
    let interval = Interval { from: Moment(micros(talk.now)), to: Moment(micros(talk.now)) };
    let judgement = talk.oracle.judge(&request, interval, &answer);
    let passes: Vec<&str> = judgement.passes.iter().map(|rule| &*law[*rule].id).collect();
    assert!(passes.contains(&AT_THE_END), "{passes:?}");
    // Something is left to look at: the address that has left.
    let atlas = Atlas::new(law, |_| true);
    assert!(!atlas.looks_at_unconfirmed(law, talk.oracle.worlds()).is_empty());
}
