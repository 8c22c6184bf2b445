//! Several devices, and devices that fail. The devices are fakes that compute on the CPU; all else is as with real
//! GPUs.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use chariot_engine::{
    BoxError, StartError, State,
    device::{Device, DeviceFault, DeviceId, Inventory},
    prelude::*,
};
use e2e::{Messages, until};

use crate::{
    scripted::{Scripted, echo},
    support::{Gate, Server, text},
};

/// An inventory with this number of GPUs.
struct Gpus(usize);

impl Inventory for Gpus {
    type Device = Device;

    fn open(&self, id: DeviceId) -> Result<Device, BoxError> {
        match id {
            DeviceId::Cuda(index) if index < self.0 => Ok(Device::cpu()),
            id => Err(format!("{id} not found").into()),
        }
    }
}

static LOADS: AtomicUsize = AtomicUsize::new(0);
static CALLS: Mutex<Vec<(usize, String)>> = Mutex::new(Vec::new());
static GATE: Gate = Gate::new();

/// A model that knows the index of its replica.
struct Replica(usize);

impl Model for Replica {
    type Settings = ();
    type Input = Text;
    type Output = Json<usize>;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Replica(LOADS.fetch_add(1, Ordering::SeqCst)))
    }

    async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<usize>>> {
        batch.try_map(|text| {
            CALLS.lock().unwrap().push((self.0, text.to_string()));
            GATE.pass(text.as_str());
            Ok(Json(self.0))
        })
    }
}

#[test]
fn every_gpu_has_a_replica_and_idle_ones_take_the_work() {
    let builder = Engine::builder().model::<Replica>("replicas").inventory(Gpus(3));
    let server = Server::start(builder.setting("CHARIOT_ENGINE_DEVICE", "cuda"));
    assert_eq!(LOADS.load(Ordering::SeqCst), 3);
    let waiting: Vec<_> = ["a", "b", "c"].into_iter().map(|who| server.admitted(&text(who))).collect();
    // All three replicas run a call at once: no request waits behind another.
    GATE.wait_for(3);
    let mut replicas: Vec<_> = CALLS.lock().unwrap().iter().map(|(replica, _)| *replica).collect();
    replicas.sort_unstable();
    assert_eq!(replicas, [0, 1, 2]);
    GATE.open();
    for mut connection in waiting {
        assert_eq!(connection.answer().unwrap().status, 200);
    }
}

/// An engine on two fake GPUs whose model fails with the error that `fault` returns for a text.
fn failing(fault: impl Fn(&str) -> Option<Error> + Send + Sync + 'static) -> Server {
    let model = Scripted::blocking(move |batch| {
        let first = batch.iter().next().map(|text| text.to_string()).unwrap_or_default();
        match fault(&first) {
            Some(error) => Err(error),
            None => echo(batch),
        }
    });
    let builder = Engine::builder().instance("failing", model).inventory(Gpus(2));
    Server::start(builder.setting("CHARIOT_ENGINE_DEVICE", "cuda"))
}

#[test]
fn a_request_that_exceeds_device_memory_is_a_503_and_the_engine_continues() {
    let server = failing(|text| {
        let error = match text {
            "typed" => DeviceFault::OutOfMemory.into(),
            "in words" => "DriverError(CUDA_ERROR_OUT_OF_MEMORY, \"out of memory\")".into(),
            _ => return None,
        };
        Some(error)
    });
    let errors = ["typed", "in words"].map(|large| {
        let rejected = server.infer(text(large));
        assert!(rejected.header("retry-after").is_some());
        rejected.error(503)
    });
    assert_eq!(errors[0], errors[1]);
    insta::assert_snapshot!("out_of_memory", errors[0]);
    assert_eq!(server.infer(text("small")).values(), ["small"]);
    assert_eq!(server.get("/ready").status, 200);
}

#[test]
fn an_engine_with_a_lost_device_is_not_ready_and_stops_serving() {
    let server = failing(|text| {
        let lost = "DriverError(CUDA_ERROR_ILLEGAL_ADDRESS, \"an illegal memory access was encountered\")";
        (text == "poison").then(|| lost.into())
    });
    assert_eq!(server.infer(text("a")).status, 200);
    let mut messages = Messages::new();
    messages.add("the request that lost it", server.infer(text("poison")).error(503));
    let ready = server.get("/ready");
    assert_eq!((ready.status, ready.json()["status"].as_str()), (503, Some("failed")));
    let later = server.infer(text("b")).error(503);
    assert_eq!(ready.json()["error"], *later);
    assert!(!later.contains("ILLEGAL"), "{later}");
    messages.add("later requests and readiness", later);
    insta::assert_snapshot!("device_lost", messages);
    assert_eq!(server.get("/v2/health/live").status, 200);
    assert_eq!(server.engine.state(), State::Failed);
    let error = server.block_on(server.engine.ready()).unwrap_err();
    assert!(matches!(&error, StartError::DeviceLost(why) if why.contains("ILLEGAL_ADDRESS")), "{error}");
    assert_eq!(error.exit_code(), 74);
}

#[test]
fn a_stalled_worker_makes_the_engine_unhealthy() {
    let gate = Arc::new(Gate::default());
    let at = gate.clone();
    let model = Scripted::blocking(move |batch| {
        at.pass("model");
        echo(batch)
    });
    let server = Server::start(Engine::builder().instance("stuck", model).configure(|settings| {
        settings.stall_timeout = std::time::Duration::from_millis(50);
    }));
    let mut connection = server.admitted(&text("a"));
    gate.wait_for(1);
    let stuck = until("the engine is unhealthy", || Some(server.get("/ready")).filter(|ready| ready.status == 503));
    assert_eq!(stuck.json()["status"], "unhealthy");
    insta::assert_snapshot!("stalled", stuck.json()["error"].as_str().unwrap());
    gate.open();
    assert_eq!(connection.answer().unwrap().status, 200);
    until("ready again", || (server.get("/ready").status == 200).then_some(()));
}
