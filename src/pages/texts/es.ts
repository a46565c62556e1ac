// The texts of pages in Spanish.

import type { Catalogue, ErrorText } from './catalogue.ts';

const RETRY = 'Inténtelo de nuevo en unos minutos.';
const CHECK_ADDRESS = 'Compruebe la dirección. Si es correcta, inténtelo más tarde.';
const notInspected = (why: string): ErrorText => ({
  title: 'No se pudo inspeccionar el contenido',
  lead: `Todo se inspecciona antes de entregarse, y ${why}.`,
  help: RETRY,
});
const failed = notInspected('esta inspección ha fallado');
const tookTooLong = notInspected('la inspección ha tardado demasiado');

export const SPANISH: Catalogue = {
  language: 'es',
  direction: 'ltr',
  texts: {
    'page.brand': 'Weir',
    'page.maker': 'Esta página es de Weir, la pasarela que inspecciona el tráfico web de esta red.',
    'site.unknown': 'el sitio',
    'value.unknown': 'desconocido',

    'block.download.title': 'Descarga detenida',
    'block.download.lead':
      'Weir ha encontrado {threat} en lo que envió {site}, y lo ha detenido. Nada ha llegado a su dispositivo.',
    'block.upload.title': 'Envío detenido',
    'block.upload.lead':
      'Weir ha encontrado {threat} en lo que usted enviaba a {site}, y lo ha detenido antes de que saliera.',
    'block.request.title': 'Petición detenida',
    'block.request.lead':
      'Weir ha encontrado {threat} en su petición a {site}, y la ha detenido antes de que saliera.',
    'block.help.heading': 'Qué puede hacer',
    'block.help.download.1': 'No hay nada que limpiar: el contenido no se ha entregado.',
    'block.help.download.2':
      'No intente obtener el mismo contenido de otro modo, por ejemplo desde otra red.',
    'block.help.upload.1':
      'No se ha enviado nada. El contenido sigue en su dispositivo: no lo abra ni lo comparta.',
    'block.help.upload.2': 'Si no sabe de dónde viene, haga revisar su dispositivo.',
    'block.help.request.1': 'No se ha enviado nada. Si siguió un enlace, no lo intente de nuevo.',
    'block.help.request.2': 'Si no esperaba esta petición, haga revisar su dispositivo.',
    'block.help.report':
      'Si cree que es un error, póngase en contacto con su servicio de asistencia e indique el número de incidente de abajo.',

    'continue.heading': 'Si aun así lo necesita',
    'continue.ask':
      'Puede continuar si su trabajo lo requiere. Diga por qué: su motivo se registra junto con su nombre o su dirección. Después es válido durante {holds}.',
    'continue.inform':
      'Puede continuar si sabe de qué se trata. Su decisión se registra junto con su nombre o su dirección. Después es válida durante {holds}.',
    'continue.reason': 'Su motivo',
    'continue.missing': 'Indique un motivo de al menos {least} caracteres.',
    'continue.button': 'Continuar',
    'continue.refused.title': 'No se puede continuar',
    'continue.refused.lead': 'La confirmación ya no es válida, ya se usó o no se hizo para usted.',
    'continue.refused.help': 'Abra de nuevo la dirección: aparecerá una página nueva si puede continuar.',
    'continue.again.title': 'Puede enviarlo de nuevo',
    'continue.again.lead':
      'Lo que enviaba a {site} se detuvo y no se guardó. Su confirmación queda registrada.',
    'continue.again.help': 'Vuelva atrás y envíelo otra vez.',

    'error.help.heading': 'Qué puede hacer',
    'error.help.report':
      'Si sigue ocurriendo, póngase en contacto con su servicio de asistencia e indique el número de incidente de abajo.',
    'error.failClosed': 'El contenido no se ha entregado porque no se pudo inspeccionar.',

    'wait.title': 'En inspección',
    'wait.lead':
      'Weir inspecciona lo que envía {site} antes de que llegue a su dispositivo. Está tardando más de lo habitual; mientras tanto ve esta página.',
    'wait.receiving': 'Se está recibiendo del sitio.',
    'wait.inspecting': 'Ya se ha recibido todo; la inspección está en marcha.',
    'wait.done': 'Inspeccionado',
    'wait.ready': 'La inspección ha terminado. Si nada ha empezado por sí solo, use el enlace de abajo.',
    'wait.progress': 'Recibido',
    'wait.help.heading': 'Qué ocurre ahora',
    'wait.help.1': 'No tiene que hacer nada: lo que ha pedido se abre, o se descarga, por sí solo.',
    'wait.help.2': 'Puede recargar esta página. La inspección continúa y no vuelve a empezar.',
    'wait.help.3': 'Si se encuentra algo peligroso, una página se lo dirá.',
    'wait.continue': 'Mostrarlo o descargarlo ahora, si está listo',
    'wait.again': 'Aún no está listo. Pregunte de nuevo en {seconds} s: {next}',
    'wait.file': 'Archivo',
    'wait.elapsed': 'Tiempo hasta ahora',
    'wait.of': '{received} de {total}',

    'certificate.faults': 'Qué falla en su certificado',
    'certificate.heading': 'El certificado',
    'certificate.subject': 'Emitido para',
    'certificate.names': 'Válido para',
    'certificate.issuer': 'Emitido por',
    'certificate.from': 'Válido desde',
    'certificate.to': 'Válido hasta',
    'certificate.key': 'Clave',
    'certificate.serial': 'Número de serie',
    'certificate.fingerprint': 'SHA-256',
    'certificate.chain': 'Cadena',
    'certificate.goOn.heading': 'Si conoce la razón',
    'certificate.goOn.text':
      'Puede abrir este sitio aunque nadie puede decir si es el verdadero. Otros podrían leer lo que envíe allí. Su decisión queda registrada y vale durante {holds}.',
    'certificate.goOn.button': 'Continuar de todos modos',

    'details.heading': 'Detalles para el servicio de asistencia',
    'details.incident': 'Incidente',
    'details.time': 'Hora',
    'details.threat': 'Amenaza',
    'details.severity': 'Gravedad',
    'details.blade': 'Encontrado por',
    'details.reason': 'Razón',
    'details.profile': 'Perfil',
    'details.request': 'Petición',
    'details.report': 'Informe',
    'details.status': 'Estado',
    'details.code': 'Código de error',
    'details.message': 'Mensaje',
    'details.remedy': 'Remedio',
  },
  errors: {
    ERR_ORIGIN_DNS: {
      title: 'No se encontró este sitio',
      lead: 'No se conoce ninguna dirección de {site}.',
      help: CHECK_ADDRESS,
    },
    ERR_ORIGIN_UNREACHABLE: {
      title: 'No se puede llegar a este sitio',
      lead: 'No fue posible conectar con {site}.',
      help: RETRY,
    },
    ERR_ORIGIN_TIMEOUT: {
      title: 'Este sitio tardó demasiado',
      lead: 'No llegó a tiempo ninguna respuesta de {site}.',
      help: RETRY,
    },
    ERR_ORIGIN_UNTRUSTED: {
      title: 'No se puede verificar la identidad de este sitio',
      lead: 'El certificado que presentó {site} no es de confianza. Su petición no se le ha enviado.',
      help: 'Avise al operador del sitio. No escriba allí una contraseña por otro camino hasta que esté arreglado.',
    },
    ERR_ORIGIN_TLS: {
      title: 'Sin conexión segura con este sitio',
      lead: 'No se pudo acordar una conexión segura con {site}. Su petición no se ha enviado.',
      help: RETRY,
    },
    ERR_ORIGIN_CLOSED: {
      title: 'Se perdió la conexión',
      lead: 'La conexión con {site} se cerró antes de que la respuesta estuviera completa.',
      help: RETRY,
    },
    ORIGIN: {
      title: 'La respuesta de este sitio no sirve',
      lead: 'Lo que envió {site} no es una respuesta válida.',
      help: RETRY,
    },

    ERR_PROXY_LOOP: {
      title: 'La petición da vueltas',
      lead: 'La petición volvió a este proxy en lugar de llegar a {site}.',
      help: 'Compruebe la configuración de proxy de su dispositivo.',
    },
    ERR_PROXY_OVERLOADED: {
      title: 'Demasiado ocupado por ahora',
      lead: 'El proxy no tiene sitio para otra conexión.',
      help: RETRY,
    },
    ERR_PROXY_AUTH: {
      title: 'Identifíquese ante el proxy',
      lead: 'El proxy pide un nombre de usuario y una contraseña antes de abrir {site}.',
      help: 'Escríbalos cuando el navegador los pida, o póngalos en la configuración de proxy.',
    },
    ERR_PROXY_CLIENT: {
      title: 'Este proxy no es para su dispositivo',
      lead: 'El proxy no atiende la red de su dispositivo, o no conoce su certificado.',
      help: 'Compruebe a qué red está conectado su dispositivo.',
    },
    ERR_PROXY_CONNECTIONS: {
      title: 'Demasiadas conexiones',
      lead: 'Su dispositivo tiene demasiadas conexiones abiertas con el proxy.',
      help: RETRY,
    },
    ERR_PROXY_RATE: {
      title: 'Demasiadas peticiones',
      lead: 'Su dispositivo envía más peticiones de las que el proxy admite de uno solo.',
      help: RETRY,
    },
    AUTH: {
      title: 'Ahora no se puede comprobar la identificación',
      lead: 'El proxy no pudo comprobar su contraseña, por lo que no se ha abierto {site}.',
      help: RETRY,
    },
    PROXY: {
      title: 'Esta dirección no está permitida',
      lead: 'No se permite el acceso a {site} por este proxy.',
      help: 'Es una regla de su red, no un fallo del sitio.',
    },

    ERR_PATIENCE_TICKET: {
      title: 'Esto ya no se conserva',
      lead: 'Lo que envió {site} se inspeccionó y se guardó un tiempo para quien lo había pedido. Ya no está, o no es para usted.',
      help: 'Abra la dirección de nuevo, sin lo que Weir le había añadido.',
    },

    ERR_ADAPT_UNAVAILABLE: notInspected('el servicio de inspección no responde'),
    ERR_ADAPT_TIMEOUT: tookTooLong,
    ERR_SCAN_TIMEOUT: tookTooLong,
    ADAPT: failed,
    ICAP: failed,
    SCAN: failed,
    PLUGIN: failed,
    UNPACK: {
      ...notInspected(
        'este contenido no se pudo descomprimir: está dañado, o es demasiado grande una vez descomprimido',
      ),
      help: 'Pida al remitente una copia en buen estado, o partes más pequeñas.',
    },

    ERR_HTTP_TIMEOUT: {
      title: 'La petición tardó demasiado',
      lead: 'La petición no llegó completa a tiempo.',
      help: RETRY,
    },
    ERR_HTTP_HEAD_TOO_LARGE: {
      title: 'La petición es demasiado grande',
      lead: 'Los campos de cabecera de la petición son demasiado largos.',
      help: 'Borre las cookies de este sitio e inténtelo de nuevo.',
    },
    ERR_HTTP_TARGET_TOO_LONG: {
      title: 'La dirección es demasiado larga',
      lead: 'La URL pedida es demasiado larga.',
      help: 'Use una dirección más corta.',
    },
    HTTP: {
      title: 'No se entendió la petición',
      lead: 'La petición está mal formada y no se ha transmitido.',
      help: 'Compruebe la dirección y el programa que envió la petición.',
    },
    TLS: {
      title: 'Sin conexión segura',
      lead: 'No se pudo establecer la conexión segura con este proxy.',
      help: RETRY,
    },
    OTHER: { title: 'Algo ha salido mal', lead: 'No se pudo completar la petición.', help: RETRY },
  },
};
