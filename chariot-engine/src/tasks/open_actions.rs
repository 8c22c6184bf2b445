//! The [`Output`](crate::output::Output) implementation of tasks that the platform does not document. The default action
//! is a convention, and every other action is accepted too. An engine restricts them with `Spec::actions`.

/// Implements [`Output`](crate::output::Output) for a type with a `json` method, for inputs of each listed modality and
/// for the task named beside it. `$schema` is the JSON Schema of the value that `json` returns.
macro_rules! open_task {
    ($output:ty, $action:literal, $schema:expr, $($modality:ident = $task:expr),+) => {$(
        // Keeps the compiler's list of possible outputs short enough to be printed in full.
        #[diagnostic::do_not_recommend]
        impl crate::output::Output<crate::input::modality::$modality> for $output {
            const TASK: Option<&'static str> = $task;
            const DEFAULT_ACTION: &'static str = $action;

            fn schema(_: Option<crate::settings::OutputLayout>) -> Option<crate::protocol::JsonText> {
                super::schema::to_json(&$schema)
            }

            fn encode(self, _: &crate::output::EncodeContext<'_>) -> crate::Result<crate::protocol::JsonText> {
                self.json()
            }
        }
    )+};
}
pub(super) use open_task;
