// The texts of pages in French.

import type { Catalogue, ErrorText } from './catalogue.ts';

const RETRY = 'Réessayez dans quelques minutes.';
const CHECK_ADDRESS = 'Vérifiez l’adresse. Si elle est correcte, réessayez plus tard.';
const notInspected = (why: string): ErrorText => ({
  title: 'Le contenu n’a pas pu être inspecté',
  lead: `Tout est inspecté avant d’être transmis, et ${why}.`,
  help: RETRY,
});
const failed = notInspected('cette inspection a échoué');
const tookTooLong = notInspected('l’inspection a pris trop de temps');

export const FRENCH: Catalogue = {
  language: 'fr',
  direction: 'ltr',
  texts: {
    'page.brand': 'Weir',
    'page.maker': 'Cette page provient de Weir, la passerelle qui inspecte le trafic web de ce réseau.',
    'site.unknown': 'le site',
    'value.unknown': 'inconnu',

    'block.download.title': 'Téléchargement arrêté',
    'block.download.lead':
      'Weir a trouvé {threat} dans ce que {site} a envoyé, et l’a arrêté. Rien n’a atteint votre appareil.',
    'block.upload.title': 'Envoi arrêté',
    'block.upload.lead':
      'Weir a trouvé {threat} dans ce que vous envoyiez à {site}, et l’a arrêté avant son départ.',
    'block.request.title': 'Requête arrêtée',
    'block.request.lead':
      'Weir a trouvé {threat} dans votre requête vers {site}, et l’a arrêtée avant son départ.',
    'block.help.heading': 'Ce que vous pouvez faire',
    'block.help.download.1': 'Il n’y a rien à nettoyer : le contenu n’a pas été livré.',
    'block.help.download.2':
      'N’essayez pas d’obtenir le même contenu autrement, par exemple depuis un autre réseau.',
    'block.help.upload.1':
      'Rien n’a été envoyé. Le contenu est encore sur votre appareil : ne l’ouvrez pas et ne le partagez pas.',
    'block.help.upload.2': 'Si vous ignorez d’où il vient, faites examiner votre appareil.',
    'block.help.request.1': 'Rien n’a été envoyé. Si vous avez suivi un lien, n’essayez pas de nouveau.',
    'block.help.request.2': 'Si vous n’attendiez pas cette requête, faites examiner votre appareil.',
    'block.help.report':
      'Si vous pensez qu’il s’agit d’une erreur, contactez votre assistance et indiquez le numéro d’incident ci-dessous.',

    'continue.heading': 'Si vous en avez tout de même besoin',
    'continue.ask':
      'Vous pouvez continuer si votre travail l’exige. Dites pourquoi : votre motif est enregistré avec votre nom ou votre adresse. Il vaut ensuite pendant {holds}.',
    'continue.inform':
      'Vous pouvez continuer si vous savez de quoi il s’agit. Votre choix est enregistré avec votre nom ou votre adresse. Il vaut ensuite pendant {holds}.',
    'continue.reason': 'Votre motif',
    'continue.missing': 'Veuillez indiquer un motif d’au moins {least} caractères.',
    'continue.button': 'Continuer',
    'continue.refused.title': 'Impossible de continuer',
    'continue.refused.lead':
      'La confirmation n’est plus valable, a déjà servi ou n’a pas été faite pour vous.',
    'continue.refused.help':
      'Ouvrez de nouveau l’adresse : une nouvelle page s’affiche si vous pouvez continuer.',
    'continue.again.title': 'Vous pouvez renvoyer',
    'continue.again.lead':
      'Ce que vous envoyiez à {site} a été arrêté et n’a pas été conservé. Votre confirmation est enregistrée.',
    'continue.again.help': 'Revenez en arrière et envoyez-le encore une fois.',

    'error.help.heading': 'Ce que vous pouvez faire',
    'error.help.report':
      'Si cela se répète, contactez votre assistance et indiquez le numéro d’incident ci-dessous.',
    'error.failClosed': 'Le contenu n’a pas été livré, car il n’a pas pu être inspecté.',

    'wait.title': 'Inspection en cours',
    'wait.lead':
      'Weir inspecte ce que {site} envoie avant que cela n’atteigne votre appareil. Cela dure plus longtemps que d’habitude ; en attendant, vous voyez cette page.',
    'wait.receiving': 'Le contenu est en cours de réception.',
    'wait.inspecting': 'Tout a été reçu ; l’inspection est en cours.',
    'wait.done': 'Inspecté',
    'wait.ready': 'L’inspection est terminée. Si rien n’a commencé tout seul, utilisez le lien ci-dessous.',
    'wait.progress': 'Reçu',
    'wait.help.heading': 'Et ensuite',
    'wait.help.1':
      'Vous n’avez rien à faire : ce que vous avez demandé s’ouvre, ou se télécharge, tout seul.',
    'wait.help.2': 'Vous pouvez recharger cette page. L’inspection continue et ne recommence pas.',
    'wait.help.3': 'Si quelque chose de dangereux est trouvé, une page vous le dira.',
    'wait.continue': 'L’afficher ou le télécharger maintenant, si c’est prêt',
    'wait.again': 'Ce n’est pas prêt. Redemandez dans {seconds} s : {next}',
    'wait.file': 'Fichier',
    'wait.elapsed': 'Durée jusqu’ici',
    'wait.of': '{received} sur {total}',

    'certificate.faults': 'Ce qui ne va pas avec son certificat',
    'certificate.heading': 'Le certificat',
    'certificate.subject': 'Délivré à',
    'certificate.names': 'Valable pour',
    'certificate.issuer': 'Délivré par',
    'certificate.from': 'Valable à partir du',
    'certificate.to': 'Valable jusqu’au',
    'certificate.key': 'Clé',
    'certificate.serial': 'Numéro de série',
    'certificate.fingerprint': 'SHA-256',
    'certificate.chain': 'Chaîne',
    'certificate.goOn.heading': 'Si vous connaissez la raison',
    'certificate.goOn.text':
      'Vous pouvez ouvrir ce site bien que personne ne puisse dire si c’est le bon. Ce que vous y envoyez peut être lu par d’autres. Votre décision est enregistrée et vaut pour {holds}.',
    'certificate.goOn.button': 'Continuer malgré tout',

    'details.heading': 'Détails pour l’assistance',
    'details.incident': 'Incident',
    'details.time': 'Heure',
    'details.threat': 'Menace',
    'details.severity': 'Gravité',
    'details.blade': 'Trouvé par',
    'details.reason': 'Raison',
    'details.profile': 'Profil',
    'details.request': 'Requête',
    'details.report': 'Rapport',
    'details.status': 'Statut',
    'details.code': 'Code d’erreur',
    'details.message': 'Message',
    'details.remedy': 'Remède',
  },
  errors: {
    ERR_ORIGIN_DNS: {
      title: 'Ce site est introuvable',
      lead: 'Aucune adresse n’est connue pour {site}.',
      help: CHECK_ADDRESS,
    },
    ERR_ORIGIN_UNREACHABLE: {
      title: 'Ce site est injoignable',
      lead: 'Aucune connexion à {site} n’a été possible.',
      help: RETRY,
    },
    ERR_ORIGIN_TIMEOUT: {
      title: 'Ce site a mis trop de temps',
      lead: 'Aucune réponse de {site} n’est arrivée à temps.',
      help: RETRY,
    },
    ERR_ORIGIN_UNTRUSTED: {
      title: 'L’identité de ce site ne peut être vérifiée',
      lead: 'Le certificat que {site} a présenté n’est pas digne de confiance. Votre requête ne lui a pas été envoyée.',
      help: 'Prévenez l’exploitant du site. N’y saisissez pas de mot de passe par un autre chemin tant que ce n’est pas réparé.',
    },
    ERR_ORIGIN_TLS: {
      title: 'Pas de connexion sécurisée à ce site',
      lead: 'Aucune connexion sécurisée n’a pu être établie avec {site}. Votre requête n’a pas été envoyée.',
      help: RETRY,
    },
    ERR_ORIGIN_CLOSED: {
      title: 'La connexion a été perdue',
      lead: 'La connexion à {site} a été fermée avant que la réponse ne soit complète.',
      help: RETRY,
    },
    ORIGIN: {
      title: 'La réponse de ce site est inutilisable',
      lead: 'Ce que {site} a envoyé n’est pas une réponse valable.',
      help: RETRY,
    },

    ERR_PROXY_LOOP: {
      title: 'La requête tourne en rond',
      lead: 'La requête est revenue à ce proxy au lieu d’atteindre {site}.',
      help: 'Vérifiez les réglages de proxy de votre appareil.',
    },
    ERR_PROXY_OVERLOADED: {
      title: 'Trop occupé pour le moment',
      lead: 'Le proxy ne peut accepter une connexion de plus.',
      help: RETRY,
    },
    ERR_PROXY_AUTH: {
      title: 'Identifiez-vous auprès du proxy',
      lead: 'Le proxy demande un nom d’utilisateur et un mot de passe avant d’ouvrir {site}.',
      help: 'Saisissez-les quand le navigateur les demande, ou indiquez-les dans les réglages de proxy.',
    },
    ERR_PROXY_CLIENT: {
      title: 'Ce proxy n’est pas pour votre appareil',
      lead: 'Le proxy ne sert pas le réseau de votre appareil, ou ne connaît pas son certificat.',
      help: 'Vérifiez à quel réseau votre appareil est connecté.',
    },
    ERR_PROXY_CONNECTIONS: {
      title: 'Trop de connexions',
      lead: 'Votre appareil a trop de connexions ouvertes vers le proxy.',
      help: RETRY,
    },
    ERR_PROXY_RATE: {
      title: 'Trop de requêtes',
      lead: 'Votre appareil envoie plus de requêtes que le proxy n’en accepte d’un seul appareil.',
      help: RETRY,
    },
    AUTH: {
      title: 'L’identification ne peut être vérifiée maintenant',
      lead: 'Le proxy n’a pas pu vérifier votre mot de passe ; {site} n’a donc pas été ouvert.',
      help: RETRY,
    },
    PROXY: {
      title: 'Cette adresse n’est pas autorisée',
      lead: 'L’accès à {site} par ce proxy n’est pas permis.',
      help: 'C’est une règle de votre réseau, non un défaut du site.',
    },

    ERR_PATIENCE_TICKET: {
      title: 'Ceci n’est plus conservé',
      lead: 'Ce que {site} a envoyé a été inspecté et gardé un moment pour qui l’avait demandé. Ce n’est plus là, ou pas pour vous.',
      help: 'Ouvrez de nouveau l’adresse, sans ce que Weir y avait ajouté.',
    },

    ERR_ADAPT_UNAVAILABLE: notInspected('le service d’inspection ne répond pas'),
    ERR_ADAPT_TIMEOUT: tookTooLong,
    ERR_SCAN_TIMEOUT: tookTooLong,
    ADAPT: failed,
    ICAP: failed,
    SCAN: failed,
    PLUGIN: failed,
    UNPACK: {
      ...notInspected(
        'ce contenu n’a pas pu être décompressé : il est endommagé, ou trop grand une fois décompressé',
      ),
      help: 'Demandez à l’expéditeur une copie intacte, ou des parties plus petites.',
    },

    ERR_HTTP_TIMEOUT: {
      title: 'La requête a pris trop de temps',
      lead: 'La requête n’est pas arrivée complète à temps.',
      help: RETRY,
    },
    ERR_HTTP_HEAD_TOO_LARGE: {
      title: 'La requête est trop grande',
      lead: 'Les champs d’en-tête de la requête sont trop longs.',
      help: 'Supprimez les cookies de ce site et réessayez.',
    },
    ERR_HTTP_TARGET_TOO_LONG: {
      title: 'L’adresse est trop longue',
      lead: 'L’URL demandée est trop longue.',
      help: 'Utilisez une adresse plus courte.',
    },
    HTTP: {
      title: 'La requête n’a pas été comprise',
      lead: 'La requête est mal formée et n’a pas été transmise.',
      help: 'Vérifiez l’adresse et le programme qui a envoyé la requête.',
    },
    TLS: {
      title: 'Pas de connexion sécurisée',
      lead: 'La connexion sécurisée à ce proxy n’a pas pu être établie.',
      help: RETRY,
    },
    OTHER: { title: 'Un problème est survenu', lead: 'La requête n’a pas pu aboutir.', help: RETRY },
  },
};
