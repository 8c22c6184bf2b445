//! Depthwise convolutions of 3 rows and columns, with the operations of candle and of the SDK.

use chariot_engine::{
    candle::{Device, Module, Result, Tensor},
    candle_nn::{Conv2d, Conv2dConfig},
    ops::DepthwiseConv2d,
};

/// Returns the two convolutions, with the same weight, and an image. `peer.py` makes the same numbers.
#[expect(clippy::type_complexity)]
pub(crate) fn load(
    channels: usize,
    rows: usize,
    stride: usize,
) -> Result<(impl Fn(&Tensor) -> Result<Tensor>, impl Fn(&Tensor) -> Result<Tensor>, Tensor)> {
    let tensor = |shape: &[usize]| {
        let numbers = (0..shape.iter().product::<usize>()).map(|at| (at * 31 % 97) as f32 / 97.0 - 0.5);
        Tensor::from_vec(numbers.collect(), shape, &Device::Cpu)
    };
    let (image, weight) = (tensor(&[1, channels, rows, rows])?, tensor(&[channels, 1, 3, 3])?);
    let config = Conv2dConfig { padding: 1, stride, groups: channels, ..Default::default() };
    let plain = Conv2d::new(weight.clone(), None, config);
    let fused = DepthwiseConv2d::new(weight, None, config)?;
    Ok((move |image: &Tensor| plain.forward(image), move |image: &Tensor| fused.forward(image), image))
}
