//! The three networks of MTCNN, with the names of facenet-pytorch's weights. `cascade` calls them.

use chariot_engine::{
    candle::{D, Result, Tensor},
    candle_nn::{Conv2d, Linear, Module, PReLU, VarBuilder, conv2d, linear, ops::softmax, prelu},
};

/// The kernel and the stride of a pooling.
type Pool = (usize, usize);

/// A convolution and its activation, with the pooling after it.
#[derive(Debug)]
struct Layer {
    conv: Conv2d,
    activation: PReLU,
    pool: Option<Pool>,
}

/// Reads the layers of these channels and kernels.
fn layers(weights: &VarBuilder<'_>, shapes: &[(usize, usize, usize, Option<Pool>)]) -> Result<Vec<Layer>> {
    let layer = |(number, &(from, to, kernel, pool)): (usize, &_)| {
        let conv = conv2d(from, to, kernel, Default::default(), weights.pp(format!("conv{number}")))?;
        Ok(Layer { conv, activation: prelu(Some(to), weights.pp(format!("prelu{number}")))?, pool })
    };
    (1..).zip(shapes).map(layer).collect()
}

impl Layer {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = self.activation.forward(&self.conv.forward(x)?)?;
        let Some((kernel, stride)) = self.pool else { return Ok(x) };
        // PyTorch's `ceil_mode`: the last window can be cut off by the edge, which is repeated here.
        let missing = |side: usize| (stride - side.saturating_sub(kernel) % stride) % stride;
        let (_, _, height, width) = x.dims4()?;
        let x = x.pad_with_same(2, 0, missing(height))?.pad_with_same(3, 0, missing(width))?;
        x.max_pool2d_with_stride(kernel, stride)
    }
}

fn through(layers: &[Layer], x: &Tensor) -> Result<Tensor> {
    layers.iter().try_fold(x.clone(), |x, layer| layer.forward(&x))
}

/// The network of the first stage, which looks at every place of an image of any size.
#[derive(Debug)]
pub(crate) struct Proposals {
    layers: Vec<Layer>,
    score: Conv2d,
    shift: Conv2d,
}

impl Proposals {
    /// The side of the square of the image that a place depends on.
    pub(crate) const CELL: usize = 12;

    /// The distance of two places, in pixels.
    pub(crate) const STRIDE: usize = 2;

    pub(crate) fn new(weights: &VarBuilder<'_>) -> Result<Self> {
        Ok(Self {
            layers: layers(weights, &[(3, 10, 3, Some((2, 2))), (10, 16, 3, None), (16, 32, 3, None)])?,
            score: conv2d(32, 2, 1, Default::default(), weights.pp("conv4_1"))?,
            shift: conv2d(32, 4, 1, Default::default(), weights.pp("conv4_2"))?,
        })
    }

    /// Judges all places of an image `[1, 3, height, width]`.
    pub(crate) fn forward(&self, image: &Tensor) -> Result<Places> {
        let x = through(&self.layers, image)?;
        let scores = softmax(&self.score.forward(&x)?, 1)?.get(0)?.get(1)?.to_vec2()?;
        Ok(Places { scores, shifts: self.shift.forward(&x)?.get(0)?.to_vec3()? })
    }
}

/// The judgment of the first network on all places of an image.
pub(crate) struct Places {
    /// The probabilities of a face, by row and column.
    pub(crate) scores: Vec<Vec<f32>>,
    /// The shifts of each of the four edges, as shares of the box, by row and column.
    pub(crate) shifts: Vec<Vec<Vec<f32>>>,
}

/// A network of the later stages, which looks at crops of one size.
#[derive(Debug)]
pub(crate) struct Refinement {
    /// The side of the crops.
    pub(crate) side: u32,
    layers: Vec<Layer>,
    dense: Linear,
    activation: PReLU,
    score: Linear,
    shift: Linear,
    points: Option<Linear>,
}

/// The judgment of a network of the later stages on a crop.
pub(crate) struct Refined {
    /// The probability of a face.
    pub(crate) score: f32,
    /// The shifts of the edges, as shares of the box.
    pub(crate) shift: Vec<f32>,
    /// The positions of the points, as shares of the box: all horizontal ones, then all vertical ones. Empty in the second
    /// stage.
    pub(crate) points: Vec<f32>,
}

impl Refinement {
    /// Reads the network of the second stage.
    pub(crate) fn second(weights: &VarBuilder<'_>) -> Result<Self> {
        let pool = Some((3, 2));
        let layers = layers(weights, &[(3, 28, 3, pool), (28, 48, 3, pool), (48, 64, 2, None)])?;
        Ok(Self {
            side: 24,
            layers,
            dense: linear(576, 128, weights.pp("dense4"))?,
            activation: prelu(Some(128), weights.pp("prelu4"))?,
            score: linear(128, 2, weights.pp("dense5_1"))?,
            shift: linear(128, 4, weights.pp("dense5_2"))?,
            points: None,
        })
    }

    /// Reads the network of the third stage.
    pub(crate) fn third(weights: &VarBuilder<'_>) -> Result<Self> {
        let pool = Some((3, 2));
        let shapes = [(3, 32, 3, pool), (32, 64, 3, pool), (64, 64, 3, Some((2, 2))), (64, 128, 2, None)];
        Ok(Self {
            side: 48,
            layers: layers(weights, &shapes)?,
            dense: linear(1152, 256, weights.pp("dense5"))?,
            activation: prelu(Some(256), weights.pp("prelu5"))?,
            score: linear(256, 2, weights.pp("dense6_1"))?,
            shift: linear(256, 4, weights.pp("dense6_2"))?,
            points: Some(linear(256, 10, weights.pp("dense6_3"))?),
        })
    }

    /// Judges crops `[n, 3, side, side]`.
    pub(crate) fn forward(&self, crops: &Tensor) -> Result<Vec<Refined>> {
        let x = through(&self.layers, crops)?;
        // The weights have the order of Caffe's columns.
        let x = x.permute((0, 3, 2, 1))?.flatten_from(1)?;
        let x = self.activation.forward(&self.dense.forward(&x)?)?;
        let scores: Vec<f32> = softmax(&self.score.forward(&x)?, D::Minus1)?.get_on_dim(1, 1)?.to_vec1()?;
        let shifts: Vec<Vec<f32>> = self.shift.forward(&x)?.to_vec2()?;
        let points = match &self.points {
            Some(points) => points.forward(&x)?.to_vec2()?,
            None => vec![vec![]; scores.len()],
        };
        let all = scores.into_iter().zip(shifts).zip(points);
        Ok(all.map(|((score, shift), points)| Refined { score, shift, points }).collect())
    }
}
