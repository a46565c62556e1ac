// The console's pictures, drawn with lines in the colour of the text beside them. All are decoration: whoever
// uses one says in words what it stands for.

import type { ComponentChildren, JSX } from 'preact';

function Icon({ children }: { children: ComponentChildren }): JSX.Element {
  return (
    <svg
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      stroke-width="1.8"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      {children}
    </svg>
  );
}

const shapes = {
  live: <path d="M3 12h4l3-7 4 14 3-7h4" />,
  transaction: <path d="M4 7h12m-4-4 4 4-4 4M20 17H8m4-4-4 4 4 4" />,
  services: <path d="M4 4h16v6H4zM4 14h16v6H4zM8 7h.01M8 17h.01" />,
  policy: <path d="M5 3h14v18H5zM9 8h6M9 12h6M9 16h3" />,
  threats: <path d="M12 3 4 6v6c0 5 3.5 7.7 8 9 4.5-1.3 8-4 8-9V6zM12 8v4M12 15.5h.01" />,
  trust: <path d="M7 11V8a5 5 0 0 1 10 0v3M5 11h14v10H5zM12 15v2" />,
  pause: <path d="M8 5v14M16 5v14" />,
  play: <path d="M7 5v14l12-7z" />,
  sun: (
    <path d="M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.4 1.4M17.6 17.6 19 19M19 5l-1.4 1.4M6.4 17.6 5 19" />
  ),
  moon: <path d="M20 14.5A8 8 0 0 1 9.5 4a8 8 0 1 0 10.5 10.5z" />,
  help: <path d="M9 9a3 3 0 1 1 4.5 2.6c-1 .6-1.5 1.2-1.5 2.4M12 17.5h.01" />,
  copy: <path d="M9 9h11v11H9zM5 15H4V4h11v1" />,
  done: <path d="m5 12 5 5 9-10" />,
} as const;

export type IconName = keyof typeof shapes;

export function Picture({ name }: { name: IconName }): JSX.Element {
  return <Icon>{shapes[name]}</Icon>;
}

/** Weir's own mark. */
export function Mark(): JSX.Element {
  return (
    <svg viewBox="0 0 32 32" width="28" height="28" aria-hidden="true">
      <rect width="32" height="32" rx="7" fill="#0b6a75" />
      <path
        d="M5 11c3.7 0 3.7 3 7.3 3s3.7-3 7.4-3 3.6 3 7.3 3"
        fill="none"
        stroke="#fff"
        stroke-width="2.4"
        stroke-linecap="round"
      />
      <path d="M7 20h4v5H7zM14 18h4v7h-4zM21 20h4v5h-4z" fill="#fff" />
    </svg>
  );
}
