"""More services whose keys have no prefix of their own, by the form of the key in their documentation."""

FORMS = {
    "<32 hex>": (
        "airship alienvault-otx apilayer appcues besttime bannerbear calendarific clearbit coinlayer currencylayer customerio "
        "cloudconvert diffbot drip edamam exchangeratesapi fixer flickr fullcontact geoapify graphhopper html2pdf hunter ipdata ipgeolocation "
        "ipstack jotform kickbox lastfm mailerlite marketstack mediastack mandrill meaningcloud newsapi nutritionix opencage "
        "pdflayer positionstack pexels rawg rebrandly serpstack screenshotlayer tmdb tinypng userstack walkscore weatherbit "
        "weatherstack weatherapi worldcoin zerobounce zipcodeapi statuscake stathat tomorrow-io moosend omnisend"
    ).split(),
    "<40 hex>": "clockwork codeclimate deputy ghost hellosign helpscout launchpad lokalise mapquest phrase runscope semaphore todoist tiingo transifex wakatime".split(),
    "<64 hex>": "bitfinex buttercms convertapi detectify shodan-monitor urbanairship virustotal wistia ziggeo".split(),
    "<32 b62>": "apollo-io browserstack capsulecrm crowdin fullstory giphy gumroad holidayapi klaviyo mailmodo pinboard polygon-io shodan ticketmaster tomtom telnyx yelp-fusion".split(),
    "<40 b62>": "aha clickatell eventbrite flutter-api foursquare getresponse livechat pivotal-tracker simplybook stormglass surveymonkey uploadcare".split(),
    "<20 b62>": "accuweather baremetrics bitrise codacy delighted finnhub keycdn quickbase sauce-labs statuspage testrail uptimerobot".split(),
    "<uuid>": "amilia coinapi cloudmersive coinmarketcap rapyd opsramp smartystreets snipcart stackhawk tatum urlscan zapier-nla kraken-io nightfall".split(),
    "<48 b64u>": "aylien bamboohr clio dailyco fastspring gitter hubstaff kaleyra loom podio prodpad stytch tradier webflow".split(),
}  # fmt: skip

NAMED = [
    (service, [f"{service.replace('-', '_').upper()}_{upper}", f"{service.replace('-', '_')}_{lower}"], form)
    for form, services in FORMS.items()
    for service, (upper, lower) in zip(services, [("API_KEY", "api_key"), ("TOKEN", "access_token"), ("SECRET", "client_secret"), ("KEY", "key")] * 20)
]
