//! Several devices, and devices that fail. The devices are fakes that compute on the CPU; everything else is as with GPUs.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use chariot_engine::{
    BoxError, StartError, State,
    device::{Device, DeviceFault, DeviceId, Inventory},
    prelude::*,
};
use e2e::until;

use crate::{
    scripted::{Scripted, echo},
    support::{Gate, Server, text},
};

/// So many GPUs.
struct Gpus(usize);

impl Inventory for Gpus {
    type Device = Device;

    fn open(&self, id: DeviceId) -> Result<Device, BoxError> {
        match id {
            DeviceId::Cuda(index) if index < self.0 => Ok(Device::cpu()),
            id => Err(format!("there is no {id}").into()),
        }
    }
}

static LOADS: AtomicUsize = AtomicUsize::new(0);
static CALLS: Mutex<Vec<(usize, String)>> = Mutex::new(Vec::new());
static GATE: Gate = Gate::new();

/// A model that knows the how many-th replica it is.
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
fn every_gpu_has_a_replica_and_work_goes_to_those_that_are_idle() {
    let builder = Engine::builder().model::<Replica>("replicas").inventory(Gpus(3));
    let server = Server::start(builder.setting("CHARIOT_ENGINE_DEVICE", "cuda"));
    assert_eq!(LOADS.load(Ordering::SeqCst), 3);
    let waiting: Vec<_> = ["a", "b", "c"].into_iter().map(|who| server.admitted(&text(who))).collect();
    // All three are in a call at once: none waits behind another.
    GATE.wait_for(3);
    let mut replicas: Vec<_> = CALLS.lock().unwrap().iter().map(|(replica, _)| *replica).collect();
    replicas.sort_unstable();
    assert_eq!(replicas, [0, 1, 2]);
    GATE.open();
    for mut connection in waiting {
        assert_eq!(connection.answer().unwrap().status, 200);
    }
}

/// An engine on two fake GPUs whose model fails with what `fault` says, once it is asked for it.
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
fn a_request_that_is_too_large_for_the_device_is_a_503_and_the_engine_lives() {
    let server = failing(|text| {
        let error = match text {
            "typed" => DeviceFault::OutOfMemory.into(),
            "told" => "DriverError(CUDA_ERROR_OUT_OF_MEMORY, \"out of memory\")".into(),
            _ => return None,
        };
        Some(error)
    });
    for large in ["typed", "told"] {
        let refused = server.infer(text(large));
        assert_eq!(refused.error(503), "the device has no memory left for this call");
        assert!(refused.header("retry-after").is_some());
    }
    assert_eq!(server.infer(text("small")).values(), ["small"]);
    assert_eq!(server.get("/ready").status, 200);
}

#[test]
fn an_engine_whose_device_is_lost_is_not_ready_and_serves_nothing_more() {
    let server = failing(|text| {
        let lost = "DriverError(CUDA_ERROR_ILLEGAL_ADDRESS, \"an illegal memory access was encountered\")";
        (text == "poison").then(|| lost.into())
    });
    assert_eq!(server.infer(text("a")).status, 200);
    assert_eq!(server.infer(text("poison")).error(503), "the device is lost");
    let ready = server.get("/ready");
    assert_eq!((ready.status, ready.json()["status"].as_str()), (503, Some("failed")));
    assert_eq!(ready.json()["error"], "the device of the model is lost; the log says why");
    assert_eq!(server.infer(text("b")).error(503), "the device of the model is lost; the log says why");
    assert_eq!(server.get("/v2/health/live").status, 200);
    assert_eq!(server.engine.state(), State::Failed);
    let error = server.block_on(server.engine.ready()).unwrap_err();
    assert!(matches!(&error, StartError::DeviceLost(why) if why.contains("ILLEGAL_ADDRESS")), "{error}");
    assert_eq!(error.exit_code(), 74);
}

#[test]
fn a_worker_that_does_not_come_back_makes_readiness_say_so() {
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
    let stuck = until("readiness says so", || Some(server.get("/ready")).filter(|ready| ready.status == 503));
    assert_eq!(stuck.json()["status"], "unhealthy");
    assert!(stuck.json()["error"].as_str().unwrap().contains("CHARIOT_ENGINE_STALL_TIMEOUT"));
    gate.open();
    assert_eq!(connection.answer().unwrap().status, 200);
    until("ready again", || (server.get("/ready").status == 200).then_some(()));
}
