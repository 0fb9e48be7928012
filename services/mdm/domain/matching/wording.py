"""What words of names and addresses mean the same or say little: tables of language, no lists of anybody's."""

LEGAL_FORMS = frozenset(
    "incorporated corporation company limited llc llp lp plc gmbh ag kg kgaa ohg ev sa sas sarl sasu srl spa snc bv nv ab as asa oy oyj aps pty "
    "pte pvt kk kabushiki kaisha kabushikikaisha sdn bhd sro spzoo zrt kft doo ltda eireli cv ulc pc pllc pa cie sl sae se scs sca fzco fzllc aktiengesellschaft "
    "aktiebolag societe anonyme gesellschaft haftung beschrankter mbh co inc corp ltd".split()
)
"""Words for the legal form of an organisation, after `SYNONYMS`."""

PLACES = frozenset(
    "america american usa us na international global worldwide europe european asia pacific canada mexico uk deutschland germany "
    "france italy japan china india australia ireland switzerland sweden denmark netherlands holland spain".split()
)
"""Geography that sales companies carry behind their name."""

NOISE = frozenset("sales group holding holdings operations division div subsidiary enterprises dba of and for the in".split())
"""Words behind a name that say little of whose it is."""

STOP_WORDS = frozenset(("the", "a", "an"))
"""Words that are left out of names and texts."""

SYNONYMS = {
    "inc": "incorporated", "incorp": "incorporated", "corp": "corporation", "corpn": "corporation", "co": "company", "cos": "company", "comp": "company", "cie": "company",
    "ltd": "limited", "lim": "limited", "univ": "university", "universite": "university", "universitat": "university", "universidad": "university", "universitet": "university",
    "centre": "center", "ctr": "center", "cntr": "center", "intl": "international", "internat": "international", "natl": "national", "nat": "national",
    "mfg": "manufacturing", "mfr": "manufacturer", "labs": "laboratories", "lab": "laboratory", "hosp": "hospital", "med": "medical", "pharm": "pharmaceutical", "pharma": "pharmaceutical",
    "pharmaceuticals": "pharmaceutical", "tech": "technology", "technologies": "technology", "sys": "systems", "system": "systems", "assoc": "associates", "assn": "association",
    "bros": "brothers", "dept": "department", "govt": "government", "inst": "institute", "mgmt": "management", "svc": "services", "svcs": "services", "service": "services",
    "dist": "distribution", "equip": "equipment", "ind": "industries", "inds": "industries", "industry": "industries", "prod": "products", "prods": "products", "product": "products",
    "amer": "america", "st": "saint", "mt": "mount", "ft": "fort", "ave": "avenue", "av": "avenue", "dr": "doctor", "sch": "school", "elem": "elementary", "acad": "academy",
    "comm": "community", "chld": "children", "childrens": "children", "child": "children", "wm": "william", "chas": "charles", "n": "north", "s": "south", "e": "east", "w": "west",
    "solution": "solutions", "device": "devices", "instrument": "instruments", "therapeutic": "therapeutics", "surgicals": "surgical", "diagnostic": "diagnostics",
}  # fmt: skip
"""Short and long forms of words in organisations' names."""

STREET_TYPES = {
    "street": "st", "str": "st", "avenue": "ave", "av": "ave", "aven": "ave", "boulevard": "blvd", "boul": "blvd", "road": "rd", "drive": "dr", "driv": "dr", "lane": "ln", "la": "ln",
    "court": "ct", "place": "pl", "plaza": "plz", "terrace": "ter", "tce": "ter", "parkway": "pkwy", "pky": "pkwy", "highway": "hwy", "square": "sq", "circle": "cir", "circuit": "cct", "crescent": "cres",
    "close": "cl", "expressway": "expy", "trail": "trl", "way": "wy", "alley": "aly", "freeway": "fwy", "turnpike": "tpke", "route": "rte", "strasse": "str", "promenade": "prom", "broadway": "bway",
}  # fmt: skip
"""Kinds of streets, long to short."""

DIRECTIONS = {
    "north": "n", "south": "s", "east": "e", "west": "w", "northeast": "ne", "northwest": "nw", "southeast": "se", "southwest": "sw", "no": "n", "so": "s",
}  # fmt: skip
"""Points of the compass in addresses."""

ORDINALS = {
    "first": "1st", "second": "2nd", "third": "3rd", "fourth": "4th", "fifth": "5th", "sixth": "6th", "seventh": "7th", "eighth": "8th", "ninth": "9th", "tenth": "10th",
    "eleventh": "11th", "twelfth": "12th", "thirteenth": "13th",
}  # fmt: skip
"""Streets that are counted in words."""

UNIT_WORDS = frozenset("suite ste unit apt apartment floor fl room rm level box pobox building bldg flat shop between at near off".split())
"""Words in an address behind which stands a place within the house, or a remark."""

TERSE_WORDS = {
    "televisions": "television", "tv": "television", "hdtv": "television", "w": "with", "blk": "black", "wht": "white", "pk": "pack", "pkg": "pack", "pcs": "piece", "pc": "piece",
    "bx": "box", "cs": "case", "ea": "each", "ctn": "carton", "ster": "sterile", "cath": "catheter", "syr": "syringe", "ndl": "needle",
}  # fmt: skip
"""Short forms in product descriptions."""
