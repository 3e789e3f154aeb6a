"""Something small of each kind that is right, and the lines that make it wrong: each fault is found by one check."""

RIGHT = {
    "encoder": """
        class Broken(nn.Module):
            def __init__(self, image, *, width=4):
                super().__init__()
                self.conv = nn.Conv2d(image.channels, width, 3, 4, 1)
                self.start()
            def start(self): pass
            def forward(self, images): return self.conv(images)
        """,
    "conditional encoder": """
        class Broken(nn.Module):
            def __init__(self, image):
                super().__init__()
                self.conv = nn.Conv2d(image.channels, 4, 3, 4, 1)
                self.of_class = nn.Embedding(2, 4)
            def forward(self, images, labels): return self.conv(images) + self.of_class(labels)[:, :, None, None]
        """,
    "conditional decoder": """
        class Broken(nn.Module):
            def __init__(self, latent_shape, image):
                super().__init__()
                self.linear = nn.Linear(latent_shape[0], math.prod(image.shape))
                self.of_class = nn.Embedding(2, latent_shape[0])
                self.shape = image.shape
            def forward(self, z, labels): return self.linear(z + self.of_class(labels)).unflatten(1, self.shape)
        """,
    "bottleneck": """
        class Broken(GaussianBottleneck):
            keeps = True
            def __init__(self, feature_shape):
                super().__init__(feature_shape, dim=4)
                for name in ("centre", "seen"):
                    self.register_buffer(name, torch.zeros(4), persistent=self.keeps)
            def forward(self, features):
                latent = super().forward(features)
                latent.terms["own"] = latent.z.abs()
                self.see(latent.mean.detach().mean(0))
                return dataclasses.replace(latent, mean=latent.mean + self.centre, z=latent.z + self.centre)
            def see(self, mean):
                if self.collects: self.seen += mean
            def step(self, total):
                self.centre += total(self.seen)
                self.seen.zero_()
        """,
    "logistic bottleneck": """
        class Broken(GaussianBottleneck):
            def __init__(self, feature_shape): super().__init__(feature_shape, dim=4)
            def forward(self, features):
                latent = super().forward(features)
                return Latent(latent.mean, latent.mean, terms={"scale": latent.logvar.exp()})
            def draw(self, latent):
                return self.at(latent, self.drawn(latent, training_noise(latent.mean)))
            def drawn(self, latent, eps):
                u = torch.special.ndtr(eps)
                return latent.mean + latent.terms["scale"] * (u.log() - (-u).log1p())
            def sample(self, latent, n=1, generator=None):
                return self.drawn(latent, noise(latent.mean.expand(n, *latent.mean.shape), generator))
            def log_posterior(self, z, latent):
                s = (z - latent.mean) / latent.terms["scale"]
                return (F.logsigmoid(s) + F.logsigmoid(-s) - latent.terms["scale"].log()).sum(-1)
        """,
    "prior": """
        class Broken(StandardPrior):
            pass
        """,
    "likelihood": """
        class Broken(Bernoulli):
            pass
        """,
    "loss": """
        def Broken(output, images, context):
            x = (output.reconstruction - images).square().flatten(1).sum(1)
            return right(x, output, context)
        def right(x, output, context): return x
        """,
    "coupled loss": """
        def Broken(output, images, context):
            own = context.gather(output.latent.z.float())
            return right(own.mean(0).square().sum(), own, context).expand(len(images))
        def right(x, own, context): return x
        """,
    "adversary": """
        class Broken(nn.Module):
            def __init__(self, image):
                super().__init__()
                self.score = nn.Linear(math.prod(image.shape), 1)
                self.start()
            def start(self): pass
            def forward(self, output, images, context): return -self.scores(output.reconstruction)
            def scores(self, images): return self.score(images.flatten(1))[:, 0].float()
            def adversary_loss(self, output, images, context):
                return F.softplus(-self.scores(images)) + F.softplus(-self(output, images, context))
        """,
    "metric": """
        def Broken(measured):
            x = (measured.reconstruction - measured.images).square().flatten(1).sum(1)
            return right(x, measured)
        def right(x, measured): return x
        """,
    "set metric": """
        class Broken:
            def __init__(self): self.reset()
            def reset(self): self.total, self.n = 0.0, 0
            def update(self, measured):
                self.total += (measured.reconstruction - measured.images).abs().sum().item()
                self.n += measured.images.numel()
                self.batches = 1 + (self.batches if self.n > measured.images.numel() else 0)
            def compute(self): return self.total / self.n
        """,
    "study": """
        def Broken(quick):
            recipe = Recipe(dataset="toyfaces", steps=steps(quick), evaluate_every=2)
            arms = tuple(Arm(name=name, part="toy", spec=describe("cis680-ae"), recipe=recipe) for name in names)
            parts = (Part(name="toy", dataset="toyfaces"),)
            return Study(name="small", title="Small", parts=parts, arms=arms, quick=quick)
        names = ["plain", "deep"]
        def steps(quick): return 2 if quick else 20
        """,
    "command": """
        @click.command()
        @click.option("--n", help="How many.")
        def Broken(n):
            "Do nothing."
        """,
    "dataset": """
        class Broken:
            factor_names = ("place",)
            def __init__(self, split, *, seed=0):
                self.split, self.seed = split, seed
                self.check(split)
            def check(self, split):
                if split not in ("train", "test"): raise OptionError(f"no split {split!r}: there are train and test")
            @property
            def fingerprint(self): return f"{self.split} {self.seed}"
            def __len__(self): return 4
            def __getitem__(self, index):
                return torch.full((1, 2, 2), 16 * self.seed + index + 4 * (self.split == "test"), dtype=torch.uint8)
            def factors(self, indices): return np.asarray(indices)[:, None]
        """,
}
"""What is right, by what it is: the code of ``Broken``."""

HEADS = {"command": "import click\n"}
HEAD = """
import dataclasses, math, os
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from aezoo.bottlenecks.gaussian import GaussianBottleneck
from aezoo.errors import DataError, OptionError
from aezoo.composition import describe
from aezoo.latent import Latent
from aezoo.likelihoods.bernoulli import Bernoulli
from aezoo.noise import noise, training_noise
from aezoo.priors.base import Prior
from aezoo.priors.standard import StandardPrior
from aezoo.recipe import Recipe
from aezoo.studies import Arm, Part, Study
"""

"""What stands above it, where that is not its kind's own."""

DECLARED = {
    "conditional encoder": 'needs=("labels",)',
    "conditional decoder": 'needs=("labels",)',
    "encoder": 'options=(aezoo.Option(name="width", type="int", default=4),)',
    "bottleneck": 'provides=("posterior",), prior="standard"',
    "logistic bottleneck": 'provides=("posterior",), prior="standard"',
    "likelihood": 'provides=("logits", "nll")',
    "loss": "options=(aezoo.specs.START, aezoo.specs.WARMUP)",
    "coupled loss": "coupled=True",
    "adversary": "adversary=True",
    "metric": 'better="lower"',
    "set metric": 'better="lower"',
    "dataset": 'provides=("factors",), licence="MIT", options=(aezoo.Option(name="seed", type="int", default=0),)',
}
"""What its spec says of it."""

KINDS = {
    "adversary": "loss",
    "coupled loss": "loss",
    "set metric": "metric",
    "conditional encoder": "encoder",
    "conditional decoder": "decoder",
    "logistic bottleneck": "bottleneck",
}
"""Of which kind it is, where that is another word."""

FAULTS = [
    # What a model or part answers.
    ("test_forward", "encoder", "def forward(self, images): return self.conv(images) / 0", "is not finite"),
    ("test_other_images", "encoder", "def start(self): assert self.conv.in_channels == 1", "broken cannot be built"),
    ("test_eval_is_deterministic", "encoder", "def forward(self, x): return F.dropout(self.conv(x))", "not equal"),
    (
        "test_an_image_does_not_see_its_batch",
        "encoder",
        "def forward(self, images): return self.conv(images - images.mean(0))",
        "not close",
    ),
    (
        "test_autocast_gives_float32",
        "bottleneck",
        "def forward(self, x): return dataclasses.replace(super().forward(x), z=self.mean(x.flatten(1)))",
        "z is torch.bfloat16",
    ),
    (
        "test_every_parameter_learns",
        "encoder",
        "def start(self): self.idle = nn.Linear(1, 1)",
        "encoder.idle.weight takes no part",
    ),
    (
        "test_every_parameter_learns",
        "encoder",
        "def forward(self, images): return 0 * self.conv(images)",
        "the gradient of encoder.conv.weight is zero",
    ),
    # Bottlenecks.
    (
        "test_posterior",
        "bottleneck",
        "def sample(self, latent, n=1, generator=None): return super().sample(latent, n)",
        "elsewhere",
    ),
    ("test_posterior", "bottleneck", "def log_posterior(self, z, latent): return z", "the posterior's density is"),
    (
        "test_z_has_a_gradient",
        "bottleneck",
        "def forward(self, features): return super().forward(features.detach())",
        "no gradient of z reaches the features",
    ),
    (
        "test_posterior_is_a_density",
        "bottleneck",
        "def log_posterior(self, z, latent): return super().log_posterior(z, latent) + latent.logvar.sum(1) / 2",
        "not 1",
    ),
    (
        "test_posterior_is_a_density",
        "logistic bottleneck",
        """
        def log_posterior(self, z, latent):
            s = (z - latent.mean) / latent.terms["scale"]
            return (F.logsigmoid(s) + F.logsigmoid(-s)).sum(-1)
        """,
        "not 1",
    ),
    (
        "test_latent_at_another_z",
        "bottleneck",
        "def at(self, latent, z): return Latent(z, latent.mean, latent.logvar)",
        "own",
    ),
    ("test_latent_at_another_z", "bottleneck", "def at(self, latent, z): return latent", "has not that z"),
    ("test_codes", "bottleneck", "codebook_sizes = (4,)", "codes without codebook_sizes"),
    ("test_state_moves_with_a_step_alone", "bottleneck", "def see(self, mean): self.seen += mean", "goes into"),
    ("test_state_moves_with_a_step_alone", "bottleneck", "def see(self, mean): self.centre += mean", "a forward pass"),
    (
        "test_state_is_that_of_all_processes",
        "bottleneck",
        "def step(self, total): self.centre += self.seen",
        "two processes",
    ),
    ("test_state_is_kept", "bottleneck", "keeps = False", "goes on otherwise"),
    # Priors.
    (
        "test_layers_are_listed",
        "prior",
        "def kl(self, latent, model): return super().kl(latent, model) * latent.z.sum().isfinite().item()",
        "meta",
    ),
    (
        "test_prior",
        "prior",
        "def sample(self, shape, model, generator=None): return torch.randn(shape)",
        "elsewhere",
    ),
    ("test_prior", "prior", "def log_prob(self, z, model): return z", "the prior's density is"),
    (
        "test_divergence_is_the_difference_of_densities",
        "prior",
        "def kl(self, latent, model): return 1.1 * super().kl(latent, model)",
        "the divergence is",
    ),
    (
        "test_divergence_is_the_difference_of_densities",
        "prior",
        "def kl(self, latent, model): return 0.9 * super().kl(latent, model)",
        "the divergence is",
    ),
    (
        "test_samples_are_of_the_density",
        "prior",
        "def sample(self, *how): return 3 * super().sample(*how)",
        "not 1",
    ),
    (
        "test_samples_are_of_the_density",
        "prior",
        "def log_prob(self, z, model): return super().log_prob(z, model) - 1",
        "not 1",
    ),
    ("test_prior_of_maps", "prior", "def log_prob(self, z, model): return z.sum(-1)", "the prior's density is"),
    (
        "test_prior_of_maps",
        "prior",
        """
        def sample(self, shape, model, generator=None):
            return super().sample((shape[0], *model.latent_shape), model, generator)
        """,
        "the prior's sample of another size",
    ),
    # Likelihoods.
    ("test_likelihood_reconstructs", "likelihood", "def reconstruction(self, params): return params", "falls below 0"),
    ("test_likelihood_reconstructs", "likelihood", "def logits(self, params): return None", "gives None"),
    (
        "test_likelihood_has_a_density",
        "likelihood",
        """
        maps = 2
        def log_prob(self, params, images): return super().log_prob(params[:, :1], images)
        """,
        "no gradient reaches map 1",
    ),
    (
        "test_likelihood_samples",
        "likelihood",
        "def sample(self, params, generator=None): return torch.rand(params.shape)",
        "elsewhere",
    ),
    (
        "test_likelihood_fits_what_it_is_fitted_to",
        "likelihood",
        "def log_prob(self, params, images): return -super().log_prob(params, images)",
        "reconstructed with an mse",
    ),
    (
        "test_probabilities_sum_to_one",
        "likelihood",
        "def log_prob(self, params, images): return 2 * super().log_prob(params, images)",
        "do not sum to 1",
    ),
    (
        "test_likelihood_samples_are_of_its_density",
        "likelihood",
        "def sample(self, params, generator=None): return super().sample(params + 1, generator)",
        "its samples' mean",
    ),
    # Loss terms.
    ("test_term_is_a_number_for_each_image", "loss", "def right(x, output, context): return x.mean()", r"is \(\)"),
    (
        "test_term_is_a_number_for_each_image",
        "loss",
        "def right(x, output, context): return x.bfloat16()",
        "under autocast",
    ),
    ("test_term_is_a_number_for_each_image", "loss", "def right(x, output, context): return output.logits + 1", "None"),
    (
        "test_term_is_a_number_for_each_image",
        "loss",
        "def right(x, output, context): z = x.detach().requires_grad_(); return x + torch.autograd.grad(z.sum(), z)[0]",
        "does not require grad",
    ),
    ("test_term_has_a_gradient", "loss", "def right(x, output, context): return 0 * x", "the gradient is zero"),
    (
        "test_term_of_an_image_is_its_own",
        "loss",
        "def right(x, output, context): return x - x.mean()",
        "sees other images",
    ),
    (
        "test_term_is_a_sum_over_pixels",
        "loss",
        "def right(x, output, context): return x / output.reconstruction[0].numel()",
        "it is a mean over pixels",
    ),
    (
        "test_term_is_that_of_all_processes",
        "coupled loss",
        "def Broken(output, images, context): return output.latent.z.mean(0).square().sum().expand(len(images))",
        "two processes, of which each has half",
    ),
    (
        "test_term_draws_from_the_context",
        "loss",
        "def right(x, output, context): return x + torch.rand(len(x))",
        "elsewhere",
    ),
    (
        "test_term_draws_from_the_context",
        "loss",
        "def right(x, output, context): return x + context.draw[0]",
        "without drawing",
    ),
    (
        "test_adversary",
        "adversary",
        "def adversary_loss(self, output, images, context): return self(context.model(context.batch), images, context)",
        "the adversary's loss moves the model's",
    ),
    (
        "test_adversary",
        "adversary",
        "def adversary_loss(self, output, images, context): return images.flatten(1).sum(1).requires_grad_()",
        "does not move it",
    ),
    (
        "test_frozen_networks_are_not_kept",
        "adversary",
        "def start(self): self.score.bias.requires_grad_(False)",
        "is frozen, and kept",
    ),
    (
        "test_frozen_networks_are_not_kept",
        "adversary",
        "def start(self): self.score.requires_grad_(False)",
        "built again",
    ),
    # Metrics.
    ("test_metric_runs_on_what_it_needs", "metric", "def right(x, measured): return x / 0", "it is inf"),
    (
        "test_metric_runs_on_what_it_needs",
        "metric",
        "def right(x, measured): return x.sum()",
        "not one number an image",
    ),
    ("test_metric_runs_on_what_it_needs", "metric", "def right(x, measured): return measured.labels + x", "None"),
    (
        "test_metric_runs_on_what_it_needs",
        "metric",
        "def right(x, measured): return x + measured.images.zero_().sum()",
        "into",
    ),
    ("test_batches_do_not_matter", "metric", "def right(x, measured): return x * len(x)", "batches matter"),
    (
        "test_batches_do_not_matter",
        "set metric",
        "def compute(self): return self.total / self.batches",
        "batches matter",
    ),
    (
        "test_metric_of_a_set_starts_anew",
        "set metric",
        """
        def compute(self):
            self.n += 1
            return self.total / self.n
        """,
        "asked twice",
    ),
    (
        "test_metric_of_a_set_starts_anew",
        "set metric",
        "def reset(self): self.total, self.n = getattr(self, 'total', 0.0), getattr(self, 'n', 0)",
        "reset leaves",
    ),
    (
        "test_batches_do_not_matter",
        "metric",
        "def right(x, measured): return {str(len(x)): x}",
        "other numbers of other images",
    ),
    ("test_better_is_the_end_that_is_good", "metric", "def right(x, measured): return -x", "lower is declared better"),
    ("test_better_is_the_end_that_is_good", "metric", "def right(x, measured): return {'a': x}", "better of no number"),
    # Datasets.
    ("test_splits_open", "dataset", "def __getitem__(self, index): return torch.zeros(1, 2, 2)", "not uint8"),
    (
        "test_splits_open",
        "dataset",
        "def images(self, indices): return np.zeros((len(indices), 1, 2, 2), np.uint8)",
        "are not the items",
    ),
    (
        "test_what_is_known_of_images_is_theirs",
        "dataset",
        "def factors(self, indices): return np.arange(len(indices))[:, None]",
        "are those of others",
    ),
    ("test_what_is_known_of_images_is_theirs", "dataset", "factor_names = ('x', 'y')", "2 factor_names for 1"),
    ("test_what_is_known_of_images_is_theirs", "dataset", "def factors(self, indices): return None", "has none"),
    (
        "test_test_images_are_not_those_to_train_on",
        "dataset",
        "def __getitem__(self, index): return torch.full((1, 2, 2), index, dtype=torch.uint8)",
        "are those to train on",
    ),
    ("test_fingerprint_tells_images_apart", "dataset", "fingerprint = 'always'", "have the same fingerprint"),
    (
        "test_fingerprint_tells_images_apart",
        "dataset",
        "fingerprint = property(lambda self: self.split)",
        "train and train, seed=1 have the same",
    ),
    (
        "test_fingerprint_holds_in_another_process",
        "dataset",
        "fingerprint = property(lambda self: f'{self.split} {os.getpid()}')",
        "another fingerprint",
    ),
    (
        "test_unknown_split_is_an_error_that_names_the_others",
        "dataset",
        "def check(self, split): pass",
        "opens a split that it does not have",
    ),
    # Studies.
    ("test_study", "study", "names = ['plain', 'plain']", "two arms are called 'plain'"),
    ("test_study", "study", "def Broken(quick): return ['plain']", "is no Study"),
    ("test_study", "study", "def steps(quick): return 20", "as many steps"),
    # Commands.
    ("test_command", "command", "def Broken(): pass", "is no click command"),
    ("test_command", "command", "Broken.help = ''", "its help says nothing"),
    ("test_command", "command", "Broken.params[0].help = None", r"does not say what \['n'\] are"),
    ("test_help_without_torch", "command", "import torch", "its --help imports torch"),
    # How it is kept.
    (
        "test_saved_and_loaded_to_the_bit",
        "encoder",
        """
        def start(self): self.seen = torch.rand(())
        def forward(self, images): return self.conv(images) * self.seen
        """,
        "not equal",
    ),
    ("test_pickled_and_copied", "encoder", "def start(self): self.activate = lambda x: x", "pickle"),
    (
        "test_pickled_and_copied",
        "encoder",
        "def forward(self, images): self.seen = self.conv(images); return self.seen",
        "deepcopy protocol",
    ),
    (
        "test_channels_last",
        "encoder",
        "def forward(self, images): x = self.conv(images); return x.view(x.shape[0], -1).view(x.shape)",
        "view size is not compatible",
    ),
    (
        "test_compiles_whole",
        "encoder",
        "def forward(self, images): torch._dynamo.graph_break(); return self.conv(images)",
        "graph_break",
    ),
    (
        "test_exports_any_batch",
        "encoder",
        "def forward(self, images): return self.conv(images) * len(images)",
        "(?i)constraint",
    ),
]
"""The check, what it is tried on, the lines (methods of a class, or functions in the place of others), what it says."""
