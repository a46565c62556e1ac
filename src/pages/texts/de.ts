// The texts of pages in German.

import type { Catalogue, ErrorText } from './catalogue.ts';

const RETRY = 'Versuchen Sie es in einigen Minuten noch einmal.';
const CHECK_ADDRESS = 'Prüfen Sie die Adresse. Ist sie richtig, versuchen Sie es später noch einmal.';
const notInspected = (why: string): ErrorText => ({
  title: 'Der Inhalt konnte nicht geprüft werden',
  lead: `Alles wird geprüft, bevor es weitergegeben wird, und ${why}.`,
  help: RETRY,
});
const failed = notInspected('diese Prüfung ist fehlgeschlagen');
const tookTooLong = notInspected('die Prüfung hat zu lange gedauert');

export const GERMAN: Catalogue = {
  language: 'de',
  direction: 'ltr',
  texts: {
    'page.brand': 'Weir',
    'page.maker': 'Diese Seite kommt von Weir, dem Gateway, das den Webverkehr in diesem Netz prüft.',
    'site.unknown': 'die Website',
    'value.unknown': 'unbekannt',

    'block.download.title': 'Download gestoppt',
    'block.download.lead':
      'Weir hat {threat} in dem gefunden, was {site} gesendet hat, und es gestoppt. Nichts davon hat Ihr Gerät erreicht.',
    'block.upload.title': 'Upload gestoppt',
    'block.upload.lead':
      'Weir hat {threat} in dem gefunden, was Sie an {site} senden wollten, und es gestoppt, bevor es das Netz verließ.',
    'block.request.title': 'Anfrage gestoppt',
    'block.request.lead':
      'Weir hat {threat} in Ihrer Anfrage an {site} gefunden und sie gestoppt, bevor sie das Netz verließ.',
    'block.help.heading': 'Was Sie tun können',
    'block.help.download.1': 'Sie müssen nichts bereinigen: Der Inhalt wurde nicht ausgeliefert.',
    'block.help.download.2':
      'Versuchen Sie nicht, denselben Inhalt auf anderem Weg zu bekommen, etwa über ein anderes Netz.',
    'block.help.upload.1':
      'Nichts wurde gesendet. Der Inhalt liegt noch auf Ihrem Gerät: Öffnen Sie ihn nicht und geben Sie ihn nicht weiter.',
    'block.help.upload.2': 'Wenn Sie nicht wissen, woher er stammt, lassen Sie Ihr Gerät untersuchen.',
    'block.help.request.1':
      'Nichts wurde gesendet. Sind Sie einem Link gefolgt, versuchen Sie es nicht noch einmal.',
    'block.help.request.2': 'Haben Sie diese Anfrage nicht erwartet, lassen Sie Ihr Gerät untersuchen.',
    'block.help.report':
      'Halten Sie dies für einen Irrtum, wenden Sie sich an Ihren Helpdesk und nennen Sie die Vorgangsnummer unten.',

    'continue.heading': 'Wenn Sie es trotzdem brauchen',
    'continue.ask':
      'Sie dürfen fortfahren, wenn Ihre Arbeit es erfordert. Sagen Sie, warum: Ihre Begründung wird mit Ihrem Namen oder Ihrer Adresse festgehalten. Danach gilt sie für {holds}.',
    'continue.inform':
      'Sie dürfen fortfahren, wenn Sie wissen, worum es sich handelt. Dass Sie es getan haben, wird mit Ihrem Namen oder Ihrer Adresse festgehalten. Danach gilt es für {holds}.',
    'continue.reason': 'Ihre Begründung',
    'continue.missing': 'Bitte geben Sie eine Begründung von mindestens {least} Zeichen an.',
    'continue.button': 'Fortfahren',
    'continue.refused.title': 'Fortfahren ist nicht möglich',
    'continue.refused.lead': 'Die Bestätigung gilt nicht mehr, wurde schon benutzt oder ist nicht für Sie.',
    'continue.refused.help':
      'Öffnen Sie die Adresse noch einmal: Wenn Sie fortfahren dürfen, kommt eine neue Seite.',
    'continue.again.title': 'Sie dürfen es noch einmal senden',
    'continue.again.lead':
      'Was Sie an {site} senden wollten, wurde angehalten und nicht aufbewahrt. Ihre Bestätigung ist festgehalten.',
    'continue.again.help': 'Gehen Sie zurück und senden Sie es noch einmal.',

    'error.help.heading': 'Was Sie tun können',
    'error.help.report':
      'Tritt der Fehler wiederholt auf, wenden Sie sich an Ihren Helpdesk und nennen Sie die Vorgangsnummer unten.',
    'error.failClosed': 'Der Inhalt wurde nicht ausgeliefert, weil er nicht geprüft werden konnte.',

    'wait.title': 'Wird geprüft',
    'wait.lead':
      'Weir prüft, was {site} sendet, bevor es Ihr Gerät erreicht. Das dauert länger als sonst; solange sehen Sie diese Seite.',
    'wait.receiving': 'Der Inhalt wird noch von der Website empfangen.',
    'wait.inspecting': 'Alles ist empfangen; die Prüfung läuft.',
    'wait.done': 'Geprüft',
    'wait.ready': 'Die Prüfung ist beendet. Hat nichts von selbst begonnen, nutzen Sie den Link unten.',
    'wait.progress': 'Empfangen',
    'wait.help.heading': 'Wie es weitergeht',
    'wait.help.1': 'Sie müssen nichts tun: Was Sie angefordert haben, öffnet sich oder lädt von selbst.',
    'wait.help.2': 'Sie können diese Seite neu laden. Die Prüfung läuft weiter und beginnt nicht von vorn.',
    'wait.help.3': 'Wird etwas Gefährliches gefunden, sagt Ihnen das eine Seite.',
    'wait.continue': 'Jetzt anzeigen oder herunterladen, falls fertig',
    'wait.again': 'Noch nicht fertig. Fragen Sie in {seconds} s wieder: {next}',
    'wait.file': 'Datei',
    'wait.elapsed': 'Bisherige Dauer',
    'wait.of': '{received} von {total}',

    'certificate.faults': 'Was an ihrem Zertifikat nicht stimmt',
    'certificate.heading': 'Das Zertifikat',
    'certificate.subject': 'Ausgestellt für',
    'certificate.names': 'Gültig für',
    'certificate.issuer': 'Ausgestellt von',
    'certificate.from': 'Gültig ab',
    'certificate.to': 'Gültig bis',
    'certificate.key': 'Schlüssel',
    'certificate.serial': 'Seriennummer',
    'certificate.fingerprint': 'SHA-256',
    'certificate.chain': 'Kette',
    'certificate.goOn.heading': 'Wenn Sie den Grund kennen',
    'certificate.goOn.text':
      'Sie können diese Website dennoch öffnen, obwohl niemand sagen kann, ob es die richtige ist. Was Sie dorthin senden, können andere vielleicht lesen. Ihre Entscheidung wird aufgezeichnet und gilt für {holds}.',
    'certificate.goOn.button': 'Trotzdem fortfahren',

    'details.heading': 'Angaben für den Helpdesk',
    'details.incident': 'Vorgang',
    'details.time': 'Zeit',
    'details.threat': 'Bedrohung',
    'details.severity': 'Schwere',
    'details.blade': 'Gefunden von',
    'details.reason': 'Grund',
    'details.profile': 'Profil',
    'details.request': 'Anfrage',
    'details.report': 'Bericht',
    'details.status': 'Status',
    'details.code': 'Fehlercode',
    'details.message': 'Meldung',
    'details.remedy': 'Abhilfe',
  },
  errors: {
    ERR_ORIGIN_DNS: {
      title: 'Diese Website wurde nicht gefunden',
      lead: 'Für {site} ist keine Adresse bekannt.',
      help: CHECK_ADDRESS,
    },
    ERR_ORIGIN_UNREACHABLE: {
      title: 'Diese Website ist nicht erreichbar',
      lead: 'Zu {site} war keine Verbindung möglich.',
      help: RETRY,
    },
    ERR_ORIGIN_TIMEOUT: {
      title: 'Diese Website hat zu lange gebraucht',
      lead: 'Von {site} kam nicht rechtzeitig eine Antwort.',
      help: RETRY,
    },
    ERR_ORIGIN_UNTRUSTED: {
      title: 'Die Identität dieser Website lässt sich nicht prüfen',
      lead: 'Dem Zertifikat, das {site} vorgelegt hat, kann nicht vertraut werden. Ihre Anfrage wurde nicht dorthin gesendet.',
      help: 'Informieren Sie den Betreiber der Website. Geben Sie dort kein Passwort auf anderem Weg ein, bis der Fehler behoben ist.',
    },
    ERR_ORIGIN_TLS: {
      title: 'Keine sichere Verbindung zu dieser Website',
      lead: 'Mit {site} kam keine sichere Verbindung zustande. Ihre Anfrage wurde nicht gesendet.',
      help: RETRY,
    },
    ERR_ORIGIN_CLOSED: {
      title: 'Die Verbindung ging verloren',
      lead: 'Die Verbindung zu {site} wurde beendet, bevor die Antwort vollständig war.',
      help: RETRY,
    },
    ORIGIN: {
      title: 'Die Antwort dieser Website ist unbrauchbar',
      lead: 'Was {site} gesendet hat, ist keine gültige Antwort.',
      help: RETRY,
    },

    ERR_PROXY_LOOP: {
      title: 'Die Anfrage dreht sich im Kreis',
      lead: 'Die Anfrage kam zu diesem Proxy zurück, statt {site} zu erreichen.',
      help: 'Prüfen Sie die Proxy-Einstellungen Ihres Geräts.',
    },
    ERR_PROXY_OVERLOADED: {
      title: 'Zurzeit überlastet',
      lead: 'Der Proxy kann keine weitere Verbindung annehmen.',
      help: RETRY,
    },
    ERR_PROXY_AUTH: {
      title: 'Bitte melden Sie sich am Proxy an',
      lead: 'Der Proxy verlangt Benutzername und Passwort, bevor er {site} öffnet.',
      help: 'Geben Sie Benutzername und Passwort ein, wenn der Browser danach fragt, oder hinterlegen Sie sie in den Proxy-Einstellungen.',
    },
    ERR_PROXY_CLIENT: {
      title: 'Dieser Proxy ist nicht für Ihr Gerät',
      lead: 'Der Proxy bedient das Netz Ihres Geräts nicht oder kennt sein Zertifikat nicht.',
      help: 'Prüfen Sie, mit welchem Netz Ihr Gerät verbunden ist.',
    },
    ERR_PROXY_CONNECTIONS: {
      title: 'Zu viele Verbindungen',
      lead: 'Ihr Gerät hat zu viele Verbindungen zum Proxy offen.',
      help: RETRY,
    },
    ERR_PROXY_RATE: {
      title: 'Zu viele Anfragen',
      lead: 'Ihr Gerät sendet mehr Anfragen, als der Proxy von einem Gerät annimmt.',
      help: RETRY,
    },
    AUTH: {
      title: 'Die Anmeldung kann gerade nicht geprüft werden',
      lead: 'Der Proxy konnte Ihr Passwort nicht prüfen, daher wurde {site} nicht geöffnet.',
      help: RETRY,
    },
    PROXY: {
      title: 'Diese Adresse ist nicht erlaubt',
      lead: 'Der Zugriff auf {site} über diesen Proxy ist nicht gestattet.',
      help: 'Das ist eine Regel Ihres Netzes, kein Fehler der Website.',
    },

    ERR_PATIENCE_TICKET: {
      title: 'Das wird nicht mehr aufbewahrt',
      lead: 'Was {site} gesendet hat, wurde geprüft und eine Weile für den aufbewahrt, der es angefordert hatte. Es ist nicht mehr da oder nicht für Sie.',
      help: 'Öffnen Sie die Adresse noch einmal, ohne den Zusatz von Weir.',
    },

    ERR_ADAPT_UNAVAILABLE: notInspected('der Prüfdienst antwortet nicht'),
    ERR_ADAPT_TIMEOUT: tookTooLong,
    ERR_SCAN_TIMEOUT: tookTooLong,
    ADAPT: failed,
    ICAP: failed,
    SCAN: failed,
    PLUGIN: failed,
    UNPACK: {
      ...notInspected('dieser Inhalt ließ sich nicht entpacken: Er ist beschädigt oder entpackt zu groß'),
      help: 'Bitten Sie den Absender um eine einwandfreie Kopie oder um kleinere Teile.',
    },

    ERR_HTTP_TIMEOUT: {
      title: 'Die Anfrage hat zu lange gedauert',
      lead: 'Die Anfrage kam nicht rechtzeitig vollständig an.',
      help: RETRY,
    },
    ERR_HTTP_HEAD_TOO_LARGE: {
      title: 'Die Anfrage ist zu groß',
      lead: 'Die Kopffelder der Anfrage sind zu lang.',
      help: 'Löschen Sie die Cookies dieser Website und versuchen Sie es noch einmal.',
    },
    ERR_HTTP_TARGET_TOO_LONG: {
      title: 'Die Adresse ist zu lang',
      lead: 'Die angeforderte URL ist zu lang.',
      help: 'Nutzen Sie eine kürzere Adresse.',
    },
    HTTP: {
      title: 'Die Anfrage wurde nicht verstanden',
      lead: 'Die Anfrage ist fehlerhaft und wurde nicht weitergegeben.',
      help: 'Prüfen Sie die Adresse und das Programm, das die Anfrage gesendet hat.',
    },
    TLS: {
      title: 'Keine sichere Verbindung',
      lead: 'Die sichere Verbindung zu diesem Proxy konnte nicht hergestellt werden.',
      help: RETRY,
    },
    OTHER: {
      title: 'Etwas ist schiefgegangen',
      lead: 'Die Anfrage konnte nicht ausgeführt werden.',
      help: RETRY,
    },
  },
};
