"""Our own plugin packages and what they register, for the error that tells which one is missing."""

KNOWN_PLUGINS: dict[str, dict[str, tuple[str, ...]]] = {
    "aezoo-diffusers": {
        "model": (
            "diffusers-asymmetric-kl",
            "diffusers-dc",
            "diffusers-kl",
            "diffusers-rae",
            "diffusers-tiny",
            "diffusers-vq",
        ),
        "loss": ("diffusers-vq",),
        "command": ("import-diffusers",),
    },
    "aezoo-factors": {
        "metric": (
            "dci_gbt_completeness",
            "dci_gbt_disentanglement",
            "dci_gbt_informativeness",
            "factor_retention",
            "factorvae_vote",
            "fd",
            "mig_hist20",
            "sap_r2",
        ),
    },
    "aezoo-hf-datasets": {
        "dataset": ("hf:*",),
    },
    "aezoo-mae": {
        "model": ("mae-tiny", "titok-tiny"),
        "encoder": ("titok", "vit"),
        "bottleneck": ("masked", "normalised"),
        "decoder": ("titok", "vit"),
        "loss": ("masked-l2",),
    },
    "aezoo-perceptual": {
        "loss": ("lpips", "vgg"),
        "metric": ("fid", "kid", "lpips"),
    },
    "aezoo-residual": {
        "model": ("cis680-resvae512",),
        "encoder": ("residual",),
        "decoder": ("residual",),
    },
    "aezoo-study-cis680": {
        "study": ("cis680",),
    },
    "aezoo-study-mnist": {
        "model": ("beta-vae-dsprites", "iwae-mnist", "svae-mnist", "tcvae-dsprites", "vae-mnist"),
        "study": ("mnist",),
        "weights": ("vae-mnist.mnist",),
    },
    "aezoo-vq": {
        "model": ("fsq-f4-tiny", "residual-vq-f4-tiny", "vq-f4-tiny"),
        "bottleneck": ("bsq", "fsq", "lfq", "residual-vq", "simvq", "vq"),
        "loss": ("codebook", "commitment", "entropy"),
        "metric": ("codebook_usage", "perplexity"),
        "weights": (
            "fsq-f4-tiny.celeba",
            "fsq-f4-tiny.toyfaces",
            "residual-vq-f4-tiny.celeba",
            "residual-vq-f4-tiny.toyfaces",
            "vq-f4-tiny.celeba",
            "vq-f4-tiny.toyfaces",
        ),
    },
    "aezoo-weights-cis680": {
        "weights": ("cis680-resvae512.celeba", "cis680-vae512.celeba", "cis680-vae512.toyfaces"),
    },
}
