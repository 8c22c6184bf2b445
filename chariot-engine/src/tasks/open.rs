//! What outputs share whose task the platform does not document: the default action is a convention, and any other is
//! taken too. An engine closes the set with `Spec::actions`.

/// Makes a type with a method `json` the answer to inputs of these modality, for the task that is named with each. `$schema` is
/// what the method writes.
macro_rules! open_task {
    ($output:ty, $action:literal, $schema:expr, $($modality:ident = $task:expr),+) => {$(
        // The compiler's list of what could be an output stays short enough to be printed whole.
        #[diagnostic::do_not_recommend]
        impl crate::output::Output<crate::input::modality::$modality> for $output {
            const TASK: Option<&'static str> = $task;
            const DEFAULT_ACTION: &'static str = $action;

            fn schema(_: Option<crate::settings::OutputLayout>) -> Option<crate::protocol::JsonText> {
                super::schema::written(&$schema)
            }

            fn encode(self, _: &crate::output::EncodeContext<'_>) -> crate::Result<crate::protocol::JsonText> {
                self.json()
            }
        }
    )+};
}
pub(super) use open_task;
