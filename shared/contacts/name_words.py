"""Word lists that separate names from other words in the same places."""


def _words(listed: str, separator: str | None = None) -> frozenset[str]:
    return frozenset(" ".join(word.split()) for word in listed.split(separator))


TITLES = _words(
    """
    mr mrs ms miss dr dra engr atty arch prof rev fr sir maam hon capt sister brother pastor nurse
    teacher coach doc kap kapitan
    """
)
PARTICLES = _words("de del dela delos delas de la los las da dos di van von y san santa sta sto santo")
SUFFIXES = _words("jr sr ii iii iv")
ABBREVIATIONS = _words("ma sta sto jr sr fr st")

PLACES = _words(
    """
    manila, metro manila, ncr, makati, taguig, bgc, pasig, quezon city, qc, quezon, caloocan, pasay,
    marikina, cavite, laguna, batangas, bulacan, rizal, antipolo, pampanga, tarlac, pangasinan, baguio,
    benguet, ilocos, ilocos norte, ilocos sur, la union, bicol, albay, legazpi, naga, cebu, cebu city,
    mandaue, lapu-lapu, bohol, iloilo, iloilo city, bacolod, negros, leyte, tacloban, samar, davao, davao
    city, cagayan, cagayan de oro, cdo, zamboanga, general santos, gensan, cotabato, mindanao, visayas,
    luzon, palawan, puerto princesa, nueva ecija, zambales, subic, clark, philippines, pilipinas, pinas,
    dubai, abu dhabi, uae, saudi, saudi arabia, riyadh, jeddah, qatar, doha, kuwait, oman, bahrain, hong
    kong, hk, singapore, sg, taiwan, japan, tokyo, korea, malaysia, thailand, vietnam, china, macau,
    israel, italy, rome, spain, london, uk, us, usa, america, california, texas, new york, los angeles,
    canada, toronto, vancouver, australia, sydney, melbourne, new zealand, germany, france, europe,
    middle east, ortigas, alabang, las pinas, las piñas, paranaque, parañaque, muntinlupa, valenzuela,
    mandaluyong, san juan, angeles, lipa, dasma, dasmarinas, imus, bacoor, tagaytay, calamba, sta. rosa,
    san pedro, malolos, meycauayan, olongapo, dagupan, lucena
    """,
    ",",
)

# Capitalised by habit, by a sentence's start or by feeling: none of these begins or continues a name.
NOT_NAMES = _words("""
    team joke joking kidding lol jk charot char hehe hehehe hihi lmao bot robot kayo kami sila siya a
    about actually after again ago agent english ako all alone already also always am amazing an and ang
    ano
    any anyone are as asap ask asking at available awesome ay ayaw ba back bago baka based because been
    before being best better bored business busy but buy buying by call calling can catholic client
    concerned confused contact cool curious customer daw day dear desperate din dito doing done down
    email eve evening everyone excited ex fan feeling fb female filipina filipino fine fine for free
    friday from fully glad going gonna good great gud gusto guys ha haha hahaha hangang happy have hello
    help here hey hi hindi ho hope hoping how hurt if im important in inquiring interested into is isang
    islam it its jobless just kasi kay keen ko kung lang later like living looking lost lovely mad
    magandang male man married me member mga mine mo monday morning mr mrs muslim my na naman nagtatanong
     nang new newbie ng nga ngayon ni nice no nobody noon not nothing now number nyo of ofw ok
    okay old on one only open or our out over pa pala para partner pinoy pinay pls please po poor price
    pro pwede que question ready real really regarding retired right rin sa sad safe salamat same
    saturday scam secret seeking self selling serious should si sick single sino siya so somebody some
    someone sorry spam still student super sure surprised talking tell teacher nurse driver engineer text
    thank thankful thanks that the there thinking this thursday tired to today tomorrow too totally
    trying tuesday two ung unemployed unsure until up urgent very via wait waiting want was we wednesday
    welcome well what when where who why will willing with woman wondering working worried would wow
    wrong yes yesterday yet you young your yung american british chinese japanese korean indian
    indonesian canadian australian spanish european asian tagalog bisaya ilocano ilonggo cebuano
    kapampangan bicolano city province barangay brgy afternoon night noon weekend january february march
    july august september october november december sunday account address afford broke beginner
    breadwinner employee employed freelancer freelance owner manager seller reseller distributor
    housewife mother father mom dad single parent senior anytime whenever tonight soon sometime maybe
    between around i i'm i\u2019m
    """)

# Names that are also other words: they count beside another word, or in places where only a name can stand.
AMBIGUOUS = _words("christian german may april june happy rich angel faith")

# Words before a name; alone they are no name.
KIN = _words("nanay tatay kuya ate aling mang tita tito mommy daddy lola lolo")

# What an inclination or a membership looks like behind a capitalised word: "I'm Globe postpaid".
NOT_NAME_AFTER = _words(
    "based subscriber client customer user member fan resident citizen postpaid prepaid employee size"
)

BRANDS = _words("globe smart facebook messenger whatsapp instagram tiktok google gcash maya viber")

COMPANY_ENDS = _words("""
    realty properties property homes land builders construction inc corp corporation co company ltd llc
    enterprises enterprise trading traders insurance assurance agency bank group holdings services
    solutions marketing industries foods farms food travel tours salon clinic hospital pharmacy school
    university college academy studio studios media digital consulting consultancy partners associates
    ventures international philippines logistics motors supply supplies technologies technology systems
    cooperative coop foundation hotel resort restaurant bakery cafe shop store brokerage
    """)
