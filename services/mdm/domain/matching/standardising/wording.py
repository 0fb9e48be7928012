"""What words of names and addresses mean the same or say little: tables of language, no lists of anybody's."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _forms(text: str) -> dict[str, str]:
    """Return what each word stands for, from lines such as `company: co cos comp`."""
    lines = (line.split(":") for line in text.strip().splitlines())
    return {word: meaning.strip() for meaning, words in lines for word in words.split()}


LEGAL_FORMS = _words(
    """
    ab ag aktiebolag aktiengesellschaft anonyme aps as asa beschrankter bhd bv cie co company corp
    corporation cv doo eireli ev fzco fzllc gesellschaft gmbh haftung inc incorporated kabushiki
    kabushikikaisha kaisha kft kg kgaa kk limited llc llp lp ltd ltda mbh nv ohg oy oyj pa pc plc pllc
    pte pty pvt sa sae sarl sas sasu sca scs sdn se sl snc societe spa spzoo srl sro ulc zrt
    """
)
"""Words for the legal form of an organisation, after `SYNONYMS`."""

PLACES = _words(
    """
    america american asia australia canada china denmark deutschland europe european france germany
    global holland india international ireland italy japan mexico na netherlands pacific spain sweden
    switzerland uk us usa worldwide
    """
)
"""Geography that sales companies carry behind their name."""

NOISE = _words(
    """
    and dba div division enterprises for group holding holdings in of operations sales subsidiary the
    """
)
"""Words behind a name that say little of whose it is."""

STOP_WORDS = _words(
    """
    a an the
    """
)
"""Words that are left out of names and texts."""

SYNONYMS = _forms(
    """
    academy: acad
    america: amer
    associates: assoc
    association: assn
    avenue: ave av
    brothers: bros
    center: centre ctr cntr
    charles: chas
    children: chld childrens child
    community: comm
    company: co cos comp cie
    corporation: corp corpn
    department: dept
    devices: device
    diagnostics: diagnostic
    distribution: dist
    doctor: dr
    east: e
    elementary: elem
    equipment: equip
    fort: ft
    government: govt
    hospital: hosp
    incorporated: inc incorp
    industries: ind inds industry
    institute: inst
    instruments: instrument
    international: intl internat
    laboratories: labs
    laboratory: lab
    limited: ltd lim
    management: mgmt
    manufacturer: mfr
    manufacturing: mfg
    medical: med
    mount: mt
    national: natl nat
    north: n
    pharmaceutical: pharm pharma pharmaceuticals
    products: prod prods product
    saint: st
    school: sch
    services: svc svcs service
    solutions: solution
    south: s
    surgical: surgicals
    systems: sys system
    technology: tech technologies
    therapeutics: therapeutic
    university: univ universite universitat universidad universitet
    west: w
    william: wm
    """
)
"""Short and long forms of words in organisations' names."""

STREET_TYPES = _forms(
    """
    aly: alley
    ave: avenue av aven
    blvd: boulevard boul
    bway: broadway
    cct: circuit
    cir: circle
    cl: close
    cres: crescent
    ct: court
    dr: drive driv
    expy: expressway
    fwy: freeway
    hwy: highway
    ln: lane la
    pkwy: parkway pky
    pl: place
    plz: plaza
    prom: promenade
    rd: road
    rte: route
    sq: square
    st: street str
    str: strasse
    ter: terrace tce
    tpke: turnpike
    trl: trail
    wy: way
    """
)
"""Kinds of streets, long to short."""

DIRECTIONS = _forms(
    """
    e: east
    n: north no
    ne: northeast
    nw: northwest
    s: south so
    se: southeast
    sw: southwest
    w: west
    """
)
"""Points of the compass in addresses."""

ORDINALS = _forms(
    """
    10th: tenth
    11th: eleventh
    12th: twelfth
    13th: thirteenth
    1st: first
    2nd: second
    3rd: third
    4th: fourth
    5th: fifth
    6th: sixth
    7th: seventh
    8th: eighth
    9th: ninth
    """
)
"""Streets that are counted in words."""

UNIT_WORDS = _words(
    """
    apartment apt at between bldg box building fl flat floor level near off pobox rm room shop ste suite
    unit
    """
)
"""Words in an address behind which stands a place within the house, or a remark."""

TERSE_WORDS = _forms(
    """
    black: blk
    box: bx
    carton: ctn
    catheter: cath
    each: ea
    needle: ndl
    pack: pk pkg
    piece: pcs pc
    sterile: ster
    syringe: syr
    television: televisions tv hdtv
    white: wht
    with: w
    """
)
"""Short forms in product descriptions, none of the `UNCLEAR_PACKS`: only a system's code map knows those."""

PACK_NUMBERS = {"dozen": 12, "gross": 144, "pair": 2}

PACK_UNITS = {
    word: unit
    for unit, words in {
        "": "each ea piece pieces pc pcs unit units",
        "bag": "bag bags bg",
        "bottle": "bottle bottles btl",
        "box": "box boxes bx",
        "carton": "carton cartons ctn",
        "case": "case cases",
        "kit": "kit kits",
        "pack": "pack packs pk package packages pkg",
        "pallet": "pallet pallets",
        "pouch": "pouch pouches",
        "roll": "roll rolls",
        "sleeve": "sleeve sleeves",
        "tray": "tray trays",
        "tube": "tube tubes",
    }.items()
    for word in words.split()
}
"""What packs are called, and the word for each; "" = a single thing."""

UNCLEAR_PACKS = ("ca", "cs")
"""Codes that mean another pack in another system: a text with one says nothing."""
