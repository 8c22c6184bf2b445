//! The engine with the archive of its model, packed by the engine and unpacked by other programs, with and without a top
//! folder.

use std::process::Command;

use e2e::Process;
use platform::{UNTAR, UNZIP, unpack};
use serde_json::json;

const IRIS: &str = env!("CARGO_BIN_EXE_iris");

#[test]
fn the_unpacked_archive_is_served_with_and_without_a_top_folder() {
    // A flower of each species from the data set.
    let flowers = [5.1, 3.5, 1.4, 0.2, 7.0, 3.2, 4.7, 1.4, 6.3, 3.3, 6.0, 2.5];
    let body = json!({"inputs": [{"name": "features", "datatype": "FP32", "shape": [3, 4], "data": flowers}]});
    for (name, program, top_folder) in
        [("model.zip", UNZIP[0], None), ("model.tar.gz", UNTAR[0], Some(["--top-folder", "iris-1.0"]))]
    {
        let (packed, directory) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut command = Command::new(IRIS);
        command.args(["pack", name]).args(top_folder.iter().flatten()).current_dir(packed.path());
        let model = concat!(env!("CARGO_MANIFEST_DIR"), "/model");
        assert!(command.env("CHARIOT_ENGINE_MODEL_DIR", model).status().unwrap().success());
        if !unpack(program, &packed.path().join(name), directory.path()) {
            continue;
        }
        let env = [("CHARIOT_ENGINE_MODEL_DIR", directory.path().to_str().unwrap())];
        let answer = Process::ready(IRIS, &env).infer(&body).ok();
        assert_eq!(answer["outputs"][0]["data"], json!(["setosa", "versicolor", "virginica"]), "{top_folder:?}");
    }
}
