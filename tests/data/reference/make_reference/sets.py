"""Data sets of the stored numbers, and the settings that several of them share."""

from __future__ import annotations

THEORY = 40_000_000
T0_SET = "toy_t0"
Q2MIN, W2MIN = 3.49, 12.5
CUTS = {"theoryid": THEORY, "use_cuts": "internal", "q2min": Q2MIN, "w2min": W2MIN}

# In no order on purpose: groups are interleaved, fractions and weights differ.
FIT = [
    {"dataset": "NMC_NC_NOTFIXED_EM-F2", "variant": "legacy_dw", "frac": 0.75},
    {"dataset": "HERA_CC_318GEV_EM-SIGMARED", "variant": "legacy", "frac": 0.75},
    {"dataset": "NMC_NC_NOTFIXED_P_EM-SIGMARED", "variant": "legacy", "frac": 0.75},
    {"dataset": "CMS_WPWM_7TEV_ELECTRON_ASY", "frac": 0.5},
    {"dataset": "SLAC_NC_NOTFIXED_P_EM-F2", "variant": "legacy_dw", "frac": 0.75},
    {"dataset": "SLAC_NC_NOTFIXED_D_EM-F2", "variant": "legacy_dw", "frac": 0.6},
    {"dataset": "BCDMS_NC_NOTFIXED_P_EM-F2", "variant": "legacy_dw", "frac": 0.75},
    {"dataset": "HERA_NC_318GEV_EM-SIGMARED", "variant": "legacy", "frac": 0.75},
    {"dataset": "BCDMS_NC_NOTFIXED_D_EM-F2", "variant": "legacy_dw", "frac": 0.75},
    {"dataset": "HERA_NC_225GEV_EP-SIGMARED", "variant": "legacy", "frac": 0.75, "weight": 2.5},
    {"dataset": "HERA_NC_251GEV_EP-SIGMARED", "variant": "legacy", "frac": 0.75},
    {"dataset": "NUTEV_CC_NOTFIXED_FE_NU-SIGMARED", "variant": "legacy_dw", "frac": 0.75},
    {"dataset": "HERA_NC_300GEV_EP-SIGMARED", "variant": "legacy", "frac": 1.0},
    {"dataset": "HERA_CC_318GEV_EP-SIGMARED", "variant": "legacy", "frac": 0.75, "weight": 0.5},
    {"dataset": "DYE605_Z0_38P8GEV_DW_PXSEC", "variant": "legacy", "frac": 0.75},
    {"dataset": "NUTEV_CC_NOTFIXED_FE_NB-SIGMARED", "variant": "legacy_dw", "frac": 0.75},
    {"dataset": "HERA_NC_318GEV_EAVG_CHARM-SIGMARED", "variant": "legacy", "frac": 0.75},
    {"dataset": "HERA_NC_318GEV_EAVG_BOTTOM-SIGMARED", "variant": "legacy", "frac": 0.75},
]

# Without tables in the theory, hence with made-up t0 predictions: the rest of HERA; the variant
# without nuclear uncertainties; artificial systematics; luminosities shared across sets.
OTHER = [
    {"dataset": "HERA_NC_318GEV_EP-SIGMARED", "variant": "legacy"},
    {"dataset": "HERA_CC_318GEV_EP-SIGMARED", "variant": "legacy"},
    {"dataset": "NMC_NC_NOTFIXED_EM-F2", "variant": "legacy"},
    {"dataset": "ATLAS_TTBAR_8TEV_LJ_DIF_YT-NORM", "variant": "legacy"},
    {"dataset": "ATLAS_TTBAR_8TEV_LJ_DIF_YTTBAR-NORM", "variant": "legacy"},
    {"dataset": "ATLAS_Z0_8TEV_LOWMASS_M-Y", "variant": "legacy"},
    {"dataset": "ATLAS_WJ_8TEV_WP-PT", "variant": "legacy"},
    {"dataset": "CMS_TTBAR_8TEV_2L_DIF_MTTBAR-YT-NORM", "variant": "legacy"},
    {"dataset": "LHCB_WPWM_8TEV_MUON_Y", "variant": None},
    {"dataset": "LHCB_Z0_8TEV_MUON_Y", "variant": None},
    {"dataset": "ATLAS_TTBAR_7TEV_TOT_X-SEC", "variant": "legacy"},
    {"dataset": "ATLAS_TTBAR_8TEV_TOT_X-SEC", "variant": "legacy"},
]
