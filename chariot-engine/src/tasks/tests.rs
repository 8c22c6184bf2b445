//! The settings that operators of each task are offered.

use crate::{prelude::*, registration::DescribeOptions};

/// A model of these types, which is never loaded.
struct Of<I, O>(std::marker::PhantomData<fn() -> (I, O)>);

impl<I: Input, O: Output<I::Modality>> Model for Of<I, O> {
    type Settings = ();
    type Input = I;
    type Output = O;

    async fn load(_: &LoadContext) -> Result<Self> {
        Err("this model is never loaded".into())
    }

    async fn infer(&self, _: Batch<I>) -> Result<Vec<O>> {
        Err("this model is never loaded".into())
    }
}

/// A model with an output of its own that reads the score threshold.
struct Filtered;

impl Model for Filtered {
    type Settings = ();
    type Input = Text;
    type Output = Json<f32>;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Filtered)
    }

    fn spec() -> Spec {
        Spec::new::<Self>().score_threshold()
    }

    async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<f32>>> {
        batch.try_map(|text| Ok(Json(text.score_threshold())))
    }
}

#[test]
fn operators_are_offered_the_score_threshold_only_where_it_has_an_effect() {
    fn of<I: Input, O: Output<I::Modality>>() -> crate::EngineBuilder {
        Engine::builder().model::<Of<I, O>>("of")
    }
    for (builder, is_offered) in [
        (of::<Image, Detections>(), true),
        (of::<Image, OrientedDetections>(), true),
        (of::<Image, Result<Detections>>(), true),
        (of::<Image, Classification>(), false),
        (of::<Image, Segmentation>(), false),
        (of::<Text, TokenClassification>(), false),
        (of::<Text, Json<f32>>(), false),
        (Engine::builder().model::<Filtered>("filtered"), true),
        // An engine of several models offers what any of them needs.
        (of::<Text, Json<f32>>().model::<Filtered>("filtered"), true),
    ] {
        let described = builder.describe(DescribeOptions::new().all_settings()).unwrap();
        let mut offered = described.registration.predictor_env_schema.iter();
        assert_eq!(offered.any(|setting| setting.name == "CHARIOT_ENGINE_SCORE_THRESHOLD"), is_offered);
    }
}
